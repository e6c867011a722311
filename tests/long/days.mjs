#!/usr/bin/env node
// A history of a week, made in a minute: how long a start takes, how much memory it needs, how soon a moment of it is there.
//
//   tests/long/days.mjs [--days 7] [--seeks 200] [--keep FOLDER]
//
// Prints the numbers of docs/performance.md, "Days on disk". What is not reached is marked and makes the exit code 1.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readTemplates, writeHistory } from '../e2e/long-history.mjs';
import { LIGHT, endServer, onPage, readStrip, startBrowser, startServer, until, untilPast, untilReady, untilState } from '../e2e/support.mjs';

const { values } = parseArgs({ options: { days: { type: 'string', default: '7' }, seeks: { type: 'string', default: '200' }, keep: { type: 'string' } } });
const [days, seeks] = [Number(values.days), Number(values.seeks)];
const DAY_MS = 86_400_000;
const SEGMENT_MS = 2000;
const FRAME_ERROR_MS = 150;
/** What the issue of the history wants, on a quiet machine. */
const WANTED = { startS: 2, rssMb: 160, serverMs: 50, seekMs: 300 };

const root = values.keep ?? mkdtempSync(join(tmpdir(), 'hlscam-days-'));
mkdirSync(root, { recursive: true });
const storage = join(root, 'long');
const small = [...LIGHT, '--detect', 'none', '--bitrate', '50k'];
let missed = false;

function tell(what, value, unit, wanted) {
  const isMissed = wanted !== undefined && value > wanted;
  missed ||= isMissed;
  console.log(`${what}: ${value.toFixed(unit === 's' ? 2 : 0)} ${unit}${wanted === undefined ? '' : ` (wanted ${wanted}${isMissed ? ', missed' : ''})`}`);
}

const p95 = (all) => all.sort((a, b) => a - b)[Math.floor((all.length - 1) * 0.95)];

async function timed(work) {
  const began = performance.now();
  const result = await work();
  return [performance.now() - began, result];
}

const seeding = await startServer({ options: [...small, '--storage', join(root, 'seed'), '--window', '2m'] });
await untilPast(seeding, 13_000);
await endServer(seeding, 'SIGTERM');
const from = readTemplates(join(root, 'seed', 'cam'));
from.templates = from.templates.filter(({ header }) => header.groups.reduce((sum, [ticks]) => sum + ticks, 0) === SEGMENT_MS * 90).slice(0, 5);
const startMs = Date.now() - days * DAY_MS - 5000;
const { capturedAt } = writeHistory(join(storage, 'cam'), from, [{ startMs, segments: (days * DAY_MS) / SEGMENT_MS }]);
const bytes = Number(execFileSync('du', ['-sb', storage]).toString().split('\t')[0]);
console.log(`${days} days of segments of 2 s: ${(days * DAY_MS) / SEGMENT_MS} segments, ${Math.round(bytes / 1e6)} MB`);

/** An index made anew reads all there is, before anything is served. */
const start = () => startServer({ startMs: 600_000, options: [...small, '--storage', storage, '--window', `${days + 1}d`, '--min-free', '0'] });
/** Until players get a picture; a first segment alone takes its own 2 s. */
let server;
const begin = async () => {
  server = await start();
};
tell('a start that makes the index anew, until it serves', (await timed(begin))[0] / 1000, 's');
await untilReady(server);
await endServer(server, 'SIGTERM');
tell('a start with its index, until it serves', (await timed(begin))[0] / 1000, 's', WANTED.startS);
await untilReady(server);

const moments = Array.from({ length: seeks }, (_, n) => startMs + 60_000 + Math.round(((n * 0.618_034) % 1) * (days * DAY_MS - 8 * 3_600_000)));
const iso = (ms) => new Date(ms).toISOString();
const get = async (path) => (await fetch(new URL(path, server.url))).arrayBuffer();
const asked = [];
for (const at of moments) {
  asked.push((await timed(() => get(`cam/archive.m3u8?from=${iso(at - 600_000)}&to=${iso(at + 3_000_000)}`)))[0]);
}
tell('archive.m3u8 of an hour, p95', p95(asked), 'ms', WANTED.serverMs);
tell('api/history', (await timed(() => get('api/history')))[0], 'ms', WANTED.serverMs);
tell('the first byte and all others of a clip of 10 s', (await timed(() => get(`cam/clip.mp4?from=${iso(moments[0])}&to=${iso(moments[0] + 10_000)}`)))[0], 'ms');

const browser = await startBrowser();
await onPage({ name: 'days', browser, server, url: server.url }, async ({ page }) => {
  await untilState(page, ['live'], 30_000);
  const took = [];
  for (const at of moments) {
    const began = performance.now();
    await page.evaluate((hash) => (location.hash = hash), `#t=${iso(at)}`);
    took.push(await until(`shows ${iso(at)}`, async () => {
      const strip = await readStrip(page);
      const ms = performance.now() - began;
      const offMs = strip && strip.capturedMs - capturedAt(at);
      return { done: offMs !== null && offMs >= -FRAME_ERROR_MS && offMs <= ms + FRAME_ERROR_MS, seen: { ms, offMs } };
    }, 10_000).then(({ ms }) => ms));
  }
  tell('a seek in the page to the picture, p95', p95(took), 'ms', WANTED.seekMs);
});
await browser.close();
const rss = Number(readFileSync(`/proc/${server.child.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]) / 1024;
tell('memory', rss, 'MB', WANTED.rssMb);
await endServer(server, 'SIGTERM');
if (values.keep === undefined) {
  rmSync(root, { recursive: true, force: true });
}
process.exitCode = missed ? 1 : 0;
