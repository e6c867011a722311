// What each player does when the program is restarted while it plays: by SIGTERM and by kill -9, at once and half a minute later.
// Run by tests/long/restarts: it takes a quarter of an hour, and its table is for docs/players.md.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { endServer, startBrowser, startServer, until, untilReady } from '../e2e/support.mjs';
import { startHost } from './browsers.mjs';
import { ALL_REQUIRED, everyPlayer, missing } from './list.mjs';
import { keepRestarts, STRANDED } from './table.mjs';

/** How many play at once. */
const AT_ONCE = Number(process.env.PLAYERS_AT_ONCE ?? 6);
/** From the start to a picture: GStreamer's DASH fills 30 s of buffer first. */
const START_MS = 60_000;
/** How long a player must have played before the program ends: GStreamer 1.22 wants more than one segment. */
const PLAYED_MS = 8_000;
/** Segments that are there before a player comes: GStreamer 1.22 may stand still with one, FFmpeg's DASH in the first 5 (docs/players.md). */
const SEGMENTS = 6;
/** A player that plays again within this goes on by itself; its distance from live comes on top, for that is what it plays out first. */
const GOES_ON_MS = 10_000;
/** How long one that does not is watched, so that the table can tell "late" from "never". */
const WATCHED_MS = 45_000;

const RESTARTS = [
  { signal: 'SIGTERM', awayMs: 0 },
  { signal: 'SIGTERM', awayMs: 30_000 },
  { signal: 'SIGKILL', awayMs: 0 },
  { signal: 'SIGKILL', awayMs: 30_000 },
];

/** What a program may be started with: the search for faces costs as much as a player, and pages of others must be let in. */
const OPTIONS = ['--detect', 'none', '--allow-origin', '*', ...(process.env.PLAYERS_OPTIONS?.split(' ') ?? [])];

let host;
let browser;
before(async () => {
  host = await startHost();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  host?.stop();
});

/** The program has that many segments. */
const untilWarm = (server) => until(`${SEGMENTS} segments`, async () => {
  const { window } = await (await fetch(new URL('/api/status', server.url))).json();
  return { done: window.segments >= SEGMENTS, seen: window.segments };
}, START_MS);

/** The capture time of the newest picture shown, once it is later than `than`. */
const untilShown = (session, than, deadlineMs) => until(`a picture of after ${new Date(than).toISOString()}`, async () => {
  const strip = await session.read();
  return { done: strip !== null && strip.capturedMs > than, seen: strip };
}, deadlineMs);

/** A player that has played for a while, and its last picture. One that does not begin is another test's, and is begun anew. */
async function playing(player, triesLeft = 2) {
  const session = await player.start();
  try {
    const first = await untilShown(session, 0, START_MS);
    return { session, before: await untilShown(session, first.capturedMs + PLAYED_MS, START_MS) };
  } catch (error) {
    await session.stop();
    if (triesLeft === 0) {
      throw error;
    }
    return playing(player, triesLeft - 1);
  }
}

/** Restarts the program under one player: how long after its return the player shows a picture of the new run; STRANDED when it does not. */
async function restart(player, running, { signal, awayMs }) {
  const { session, before } = await playing(player);
  try {
    await endServer(running.server, signal);
    const endedMs = Date.now();
    await sleep(awayMs);
    running.server = await startServer({ port: running.server.port, options: OPTIONS });
    await untilReady(running.server);
    const backMs = Date.now();
    const again = await untilShown(session, endedMs, WATCHED_MS).catch(() => null);
    return again === null ? STRANDED : Math.max(0, Date.now() - backMs - before.ageMs);
  } finally {
    await session.stop();
  }
}

const results = [];

describe('a player goes on after a restart', { concurrency: AT_ONCE }, () => {
  const wanted = process.env.PLAYERS_ONLY;
  const named = everyPlayer({ page: () => '', host: () => host, browser: () => browser });
  named.forEach(({ name, protocol, needs }, at) => {
    if (wanted && !`${name}, ${protocol}`.includes(wanted)) {
      return;
    }
    test(`${name}, ${protocol}`, async (t) => {
      if (missing({ needs }).length > 0 && !ALL_REQUIRED) {
        t.skip('not installed');
        return;
      }
      // A server of its own: one that ended for another player would be a second restart for this one.
      const running = { server: await startServer({ options: OPTIONS }) };
      const player = everyPlayer({ page: () => running.server.url, host: () => host, browser: () => browser })[at];
      const took = [];
      try {
        for (const how of RESTARTS) {
          await untilWarm(running.server);
          took.push(await restart(player, running, how));
        }
      } finally {
        await endServer(running.server, 'SIGKILL');
      }
      results.push({ name, protocol, took });
      t.diagnostic(`${name}, ${protocol}: ${took.join(', ')} ms`);
    });
  });
});

test('each_goes_on_by_itself_or_the_document_says_why_not', () => {
  const unexplained = keepRestarts(results, RESTARTS, GOES_ON_MS);
  assert.deepEqual(unexplained, [], 'players that do not go on, and stranded.mjs does not say why');
});
