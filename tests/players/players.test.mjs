// Real players on the real binary: each must show 20 s of the stream and report no error, and all must be shown the same clock.

import assert from 'node:assert/strict';
import os from 'node:os';
import { after, before, describe, test } from 'node:test';
import { endServer, startBrowser, startServer, until, untilReady } from '../e2e/support.mjs';
import { playInChromium, startHost } from './browsers.mjs';
import { ALL_REQUIRED, everyPlayer, missing } from './list.mjs';
import { keepTable } from './table.mjs';
import { assertSameClock, latencyMs, watch } from './watch.mjs';

/** How much of the stream each player must show. */
const WATCHED_MS = Number(process.env.PLAYERS_WATCHED_S ?? 20) * 1000;
/** How many play at once: two cores decode and show about as many, beside the encoder. */
const AT_ONCE = Number(process.env.PLAYERS_AT_ONCE ?? 6);
/** How much nicer the players are than the server: they are many, and a camera that is late is not what is tested here. */
const NICER = 5;
/** Segments that are there before the first player comes: their distance from the newest, which GStreamer cannot do without. */
const SEGMENTS_MIN = 3;
/** How far back the stream can be watched: longer than any player stays behind, and full while the players play. */
const WINDOW_S = 60;
/** From the start to so many segments of 2 s. */
const SEGMENTS_MS = 20_000;
/** Parts of a segment by default, and how long hls.js is held up so that the next one is there before it goes on. */
const SEGMENT_PARTS = 20;
const HELD_MS = 150;
/** From the start to a picture: GStreamer's DASH fills 30 s of buffer first. */
const START_MS = 60_000;

let server;
let host;
let browser;

before(async () => {
  // The search for faces costs as much as a player, and nothing here is about it.
  server = await startServer({ options: ['--detect', 'none', '--allow-origin', '*', '--window', `${WINDOW_S}s`] });
  await untilReady(server);
  await until('a stream as long as players stay behind', async () => {
    const seen = (await (await fetch(new URL('cam/video.m3u8', server.url))).text()).match(/^#EXTINF/gm)?.length ?? 0;
    return { done: seen >= SEGMENTS_MIN, seen };
  }, SEGMENTS_MS);
  os.setPriority(os.getPriority() + NICER);
  host = await startHost();
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  host?.stop();
  await endServer(server, 'SIGKILL');
});

async function untilFull() {
  await until('a full window', async () => {
    const seen = (await (await fetch(new URL('api/status', server.url))).json()).window.span_s;
    return { done: seen >= WINDOW_S, seen };
  }, WINDOW_S * 1000 + SEGMENTS_MS);
}

/** As they are named before there is a server. */
const PLAYERS = everyPlayer({ page: () => server.url, host: () => host, browser: () => browser, untilFull });

const watched = [];

describe('a player shows the stream', { concurrency: AT_ONCE }, () => {
  for (const player of PLAYERS) {
    const title = `${player.name}, ${player.protocol}`;
    test(title, async (t) => {
      const lacking = missing(player);
      if (lacking.length > 0 && !ALL_REQUIRED) {
        t.skip(`${lacking.join(', ')} is not installed`);
        return;
      }
      assert.deepEqual(lacking, [], 'installed: `scripts/setup test` does it');
      const session = await player.start();
      try {
        const strips = await watch(session, { startMs: START_MS, watchedMs: WATCHED_MS });
        watched.push({ title, player, strips, version: player.version() });
        t.diagnostic(`${title}: ${latencyMs(strips)} ms`);
      } finally {
        await session.stop();
      }
    });
  }
});

// It stands still until the parts of that segment have left the playlist (docs/players.md, "What to know"), and must then go on.
test('hls_js_that_was_late_for_a_part_goes_on_by_itself', async (t) => {
  const url = new URL('cam/index.m3u8', server.url).href;
  const session = await playInChromium(browser, host.address('hls.js', url, { late: SEGMENT_PARTS - 2, ms: HELD_MS }));
  try {
    const strips = await watch(session, { startMs: START_MS, watchedMs: WATCHED_MS });
    assert.ok(await session.wasLate(), 'it was held up');
    t.diagnostic(`it stood still for ${Math.max(...strips.slice(1).map(({ capturedMs, ageMs }, i) => capturedMs + ageMs - strips[i].capturedMs - strips[i].ageMs))} ms`);
  } finally {
    await session.stop();
  }
});

test('the_stream_went_on_without_a_break', async () => {
  const playlist = await (await fetch(new URL('cam/video.m3u8', server.url))).text();
  // The run itself begins with one, before its first segment.
  const goesOn = playlist.slice(playlist.indexOf('#EXTINF'));
  assert.ok(!goesOn.includes('#EXT-X-DISCONTINUITY\n'), `the machine was too busy for the server, and what failed above may be of that; the server says:\n${server.log}`);
});

test('hls_and_dash_show_the_same_frames_with_the_same_capture_times', () => {
  keepTable(watched);
  const shared = assertSameClock(watched);
  assert.ok(shared > watched.length, `players were shown the same frames: ${shared}`);
});
