// The table of docs/players.md, from what was watched.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { latencyMs } from './watch.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const FOLDER = path.join(process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target'), 'players');
/** What is between these lines of the document comes from here. */
const [BEGIN, END] = ['<!-- measured -->', '<!-- /measured -->'];

/** Writes the table beside the build, and into the document that PLAYERS_DOC names, from the repository's folder. */
export function keepTable(watched) {
  const rows = watched
    .map(({ player, version, strips }) => [player.name, version, player.protocol, 'plays', `${(latencyMs(strips) / 1000).toFixed(1)} s`, player.note ?? ''])
    .sort(([a, , c], [b, , d]) => a.localeCompare(b) || d.localeCompare(c));
  const head = ['player', 'version', 'protocol', 'result', 'latency', 'notes'];
  const table = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(path.join(FOLDER, 'table.md'), table);
  if (process.env.PLAYERS_DOC) {
    const document = path.resolve(ROOT, process.env.PLAYERS_DOC);
    const text = readFileSync(document, 'utf8');
    const [before, rest] = text.split(BEGIN);
    writeFileSync(document, `${before}${BEGIN}\n\n${table}\n${END}${rest.split(END)[1]}`);
  }
}

/** A player that shows nothing of the new run. */
export const STRANDED = Infinity;

/** Why a player does not go on after a restart, whatever the server does. By player and protocol. */
const RESTART_NOTES = {};

/** Writes the table of restarts beside the build, and gives the players that do not go on and have no note. */
export function keepRestarts(results, restarts, goesOnMs) {
  const cell = (ms) => (ms === STRANDED ? 'no' : `${(ms / 1000).toFixed(1)} s`);
  const head = ['player', 'protocol', ...restarts.map(({ signal, awayMs }) => `${signal}, ${awayMs === 0 ? 'at once' : `${awayMs / 1000} s later`}`), 'notes'];
  const note = ({ name, protocol }) => RESTART_NOTES[`${name}, ${protocol}`] ?? '';
  const rows = [...results].sort((a, b) => a.name.localeCompare(b.name)).map((result) => [result.name, result.protocol, ...result.took.map(cell), note(result)]);
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(path.join(FOLDER, 'restarts.md'), [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join(''));
  return results.filter((result) => result.took.some((ms) => ms > goesOnMs) && note(result) === '').map(({ name, protocol, took }) => `${name}, ${protocol}: ${took.map(cell).join(', ')}`);
}
