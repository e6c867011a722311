// The table of docs/players.md, from what was watched.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { whyStranded } from './stranded.mjs';
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

/** Writes the table of restarts beside the build, and gives what is not told of why a player does not go on, try by try. */
export function keepRestarts(results, restarts, goesOnMs) {
  const cell = (ms) => (ms === STRANDED ? 'no' : `${(ms / 1000).toFixed(1)} s`);
  const shown = ({ signal, awayMs }) => `${signal}, ${awayMs === 0 ? 'at once' : `${awayMs / 1000} s later`}`;
  const reasons = (result) => restarts.map((restart, at) => (result.took[at] > goesOnMs ? whyStranded(result, restart) : null));
  const head = ['player', 'protocol', ...restarts.map(shown), 'why not'];
  // What ENDLIST says is the same in every row.
  const why = (result) => [...new Set(reasons(result).filter((reason, at) => reason && restarts[at].signal !== 'SIGTERM'))].join('; ');
  const rows = [...results].sort((a, b) => a.name.localeCompare(b.name)).map((result) => [result.name, result.protocol, ...result.took.map(cell), why(result)]);
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(path.join(FOLDER, 'restarts.md'), [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join(''));
  return results.flatMap((result) => reasons(result).flatMap((reason, at) => (reason === '' ? [`${result.name}, ${result.protocol}: ${shown(restarts[at])}: ${cell(result.took[at])}`] : [])));
}
