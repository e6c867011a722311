// Players of DASH on a server whose clock is set by an hour while they play, as on a machine with another system beside it: they play on.
// The players' clock is not set, as on another machine; dash.js is tried with a clock that is set with the server's, too, as on the same one.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { endServer, startBrowser, startServer, until, untilReady } from '../e2e/support.mjs';
import { playInChromium, startHost } from './browsers.mjs';
import { ALL_REQUIRED, everyPlayer, missing } from './list.mjs';

/** Who must play on; PLAYERS_ONLY takes others of the list ("mpv, DASH; VLC, DASH"), to see what they do. */
const PLAYERS = ['FFmpeg, DASH', 'dash.js in Chromium, DASH', 'our page with dash.js, DASH'];
const SAME_MACHINE = 'dash.js in Chromium, DASH';
/** No longer without a new picture, once the clock is set; on the same machine the player must first hear of it. */
const GAP_MS = 5000;
const SAME_MACHINE_GAP_MS = 10_000;
/** The clock is set back, and then again: by how much from the right time, and how long they are watched then. dash.js asks for the time 30 s after its start. */
const STEPS = [{ seconds: -3600, watchedMs: 28_000 }, { seconds: 0, watchedMs: 8000 }];
/** From the start to a picture, and how long it plays before the clock is set. */
const START_MS = 60_000;
const PLAYED_MS = 4000;
/** Segments that are there before a player comes: FFmpeg's DASH does not play well in the first 5 (docs/players.md). */
const SEGMENTS = 6;
const POLL_MS = 50;

/** The library that gives one program a clock of its own; the first folder that is there has it. */
const LIBRARY = ['/usr/lib', '/usr/lib64'].filter(existsSync)
  .flatMap((folder) => [folder, ...readdirSync(folder).map((name) => path.join(folder, name))])
  .map((folder) => path.join(folder, 'faketime/libfaketimeMT.so.1'))
  .find(existsSync);

let folder;
let host;
let browser;
before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'hlscam-clock-'));
  host = await startHost();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  host?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A server whose wall clock, and no other, goes by a file. */
async function startStepped(name) {
  const file = path.join(folder, name.replaceAll(/\W/g, '_'));
  const setClock = (seconds) => writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}\n`);
  setClock(0);
  const env = {
    LD_PRELOAD: LIBRARY, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1', FAKETIME_DISABLE_SHM: '1',
  };
  const server = await startServer({ options: ['--detect', 'none', '--allow-origin', '*'], env });
  await untilReady(server);
  await until(`${SEGMENTS} segments`, async () => {
    const { window } = await (await fetch(new URL('api/status', server.url))).json();
    return { done: window.segments >= SEGMENTS, seen: window.segments };
  }, START_MS);
  return { server, setClock };
}

/** The player of that name on that server. */
function playerOf(title, server) {
  const listed = everyPlayer({ page: () => server.url, host: () => host, browser: () => browser });
  const ours = { name: 'our page with dash.js', protocol: 'DASH', needs: [], start: () => playInChromium(browser, `${server.url}?player=dash`) };
  return [...listed, ours].find(({ name, protocol }) => `${name}, ${protocol}` === title);
}

/** The longest time without a new picture, while the player is watched. */
async function longestGap(session, watchedMs) {
  const begunMs = performance.now();
  let [changedMs, longestMs, number] = [begunMs, 0, null];
  while (performance.now() < begunMs + watchedMs) {
    const strip = await session.read();
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - changedMs);
    if (strip && strip.number !== number) {
      [changedMs, number] = [nowMs, strip.number];
    }
    await sleep(POLL_MS);
  }
  return longestMs;
}

describe('a player of DASH plays on when the clock is set', { concurrency: true }, () => {
  const others = (process.env.PLAYERS_ONLY?.split('; ') ?? PLAYERS).map((title) => ({ title, sameMachine: false }));
  for (const { title, sameMachine } of [...others, { title: SAME_MACHINE, sameMachine: true }]) {
    const name = sameMachine ? `${title}, on the same machine` : title;
    test(name, async (t) => {
      const lacking = [...missing(playerOf(title, { url: 'http://host/' })), ...(LIBRARY ? [] : ['faketime'])];
      if (lacking.length > 0 && !ALL_REQUIRED) {
        t.skip(`${lacking.join(', ')} is not installed`);
        return;
      }
      assert.deepEqual(lacking, [], 'installed: `scripts/setup test` does it');
      const { server, setClock } = await startStepped(name);
      let session;
      try {
        session = await playerOf(title, server).start();
        const first = await until('a picture', async () => {
          const seen = await session.read();
          return { done: seen !== null, seen };
        }, START_MS);
        await until('it plays', async () => {
          const seen = await session.read();
          return { done: seen?.capturedMs > first.capturedMs + PLAYED_MS, seen };
        }, START_MS);
        const gaps = [];
        for (const { seconds, watchedMs } of sameMachine ? STEPS.slice(0, 1) : STEPS) {
          setClock(seconds);
          if (sameMachine) {
            await session.setClock(seconds * 1000);
          }
          gaps.push(await longestGap(session, watchedMs));
        }
        t.diagnostic(`${name}: at most ${gaps.map(Math.round).join(' and ')} ms without a new picture`);
        assert.ok(gaps.every((gap) => gap < (sameMachine ? SAME_MACHINE_GAP_MS : GAP_MS)), `${gaps} ms`);
        // What it asks for before it has heard is not there, which it tells.
        assert.deepEqual(sameMachine ? [] : await session.errors(), []);
      } finally {
        await session?.stop();
        await endServer(server, 'SIGKILL');
      }
    });
  }
});
