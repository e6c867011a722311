// MPEG-DASH in a player that is not ours: dash.js in a real browser, on the real binary with its drawn test source.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { FOREIGN_PLAYER, FULL, LIVE_MS, pageTests, readStrip, until, untilNewer } from './support.mjs';

const { pageTest } = pageTests();
const DASH_JS = fileURLToPath(new URL('node_modules/dashjs/dist/modern/umd/dash.mediaplayer.min.js', import.meta.url));

/** How long it is watched. */
const WATCHED_MS = 8000;
/** The manifest asks for 1 s; a busy machine needs more. */
const LATENCY_MAX_MS = 3000;

/** Plays the manifest in place of whatever the page shows; the clock strip is read from the element `video`. */
function play(url) {
  const video = Object.assign(document.createElement('video'), { id: 'video', muted: true });
  document.body.replaceChildren(video);
  const player = window.dashjs.MediaPlayer().create();
  window.player = player;
  window.failures = [];
  player.on('error', ({ error }) => window.failures.push(error?.message ?? String(error)));
  player.initialize(video, url, true);
}

pageTest('dash_js_plays_with_low_latency_and_the_picture_advances', { ...FOREIGN_PLAYER, server: { options: FULL } }, async ({ page, seen, running }) => {
  const refused = [];
  page.on('response', (answer) => answer.status() >= 400 && refused.push(`${answer.status()} ${answer.url()}`));
  await page.addScriptTag({ path: DASH_JS });
  await page.evaluate(play, new URL('cam/index.mpd', running.server.url).href);
  const first = await untilNewer(page, 0, LIVE_MS);
  const later = await untilNewer(page, first.capturedMs + WATCHED_MS, WATCHED_MS * 2);
  assert.ok(later.number > first.number, `frame numbers advance: ${first.number}, ${later.number}`);
  const age = await until(
    'the picture is live',
    async () => {
      const strip = await readStrip(page);
      return { done: strip !== null && strip.ageMs < LATENCY_MAX_MS, seen: strip?.ageMs };
    },
    WATCHED_MS,
  );
  const says = await page.evaluate(() => ({ low: window.player.getLowLatencyModeEnabled(), failures: window.failures }));
  console.log(`dash.js shows a picture ${age} ms old`);
  assert.deepEqual(says, { low: true, failures: [] });
  assert.deepEqual(refused, [], 'nothing is asked for that is not there');
  assert.deepEqual([...seen.hosts], [new URL(running.server.url).host], 'no request to another host, for the time neither');
});

/** Of the stream, by default. */
const SEGMENT_MS = 2000;

/** The media sequence number of the newest whole segment. */
async function newestSegment({ url }) {
  const playlist = await (await fetch(new URL('cam/video.m3u8', url))).text();
  return Number(playlist.match(/^seg-.*-(\d+)\.m4s$/gm).at(-1).match(/(\d+)\.m4s$/)[1]);
}

/**
 * Whether what could not be had is a segment of the time in which none were made: the player counts segments by the clock, so it asks for
 * one of them if the manifest with the new Period comes after its turn.
 */
function isOfNoTime(failure, newest, stoodMs) {
  const later = Number(failure.match(/-(\d+)\.m4s is not available$/)?.[1]) - newest;
  return later > 0 && later <= Math.ceil(stoodMs / SEGMENT_MS) + 1;
}

/** Longer than the stream may fall behind before it begins anew behind a discontinuity. */
const HELD_MS = 5000;

pageTest('dash_js_plays_on_over_a_discontinuity', { ...FOREIGN_PLAYER, timeout: 180_000 }, async ({ page, running }) => {
  await page.addScriptTag({ path: DASH_JS });
  const manifest = new URL('cam/index.mpd', running.server.url).href;
  await page.evaluate(play, manifest);
  const first = await untilNewer(page, 0, LIVE_MS);
  await untilNewer(page, first.capturedMs + WATCHED_MS / 2, WATCHED_MS * 2);
  // As a computer that slept.
  const [newest, heldMs] = [await newestSegment(running.server), Date.now()];
  running.server.child.kill('SIGSTOP');
  await until(
    'the picture stands for so long',
    async () => {
      const strip = await readStrip(page);
      return { done: strip !== null && strip.ageMs > HELD_MS + LATENCY_MAX_MS, seen: strip?.ageMs };
    },
    LIVE_MS,
  );
  running.server.child.kill('SIGCONT');
  const woken = Date.now();
  const periods = await until(
    'the manifest has a second Period',
    async () => {
      const seen = (await (await fetch(manifest)).text()).match(/<Period /g)?.length;
      return { done: seen === 2, seen };
    },
    LIVE_MS,
  );
  assert.equal(periods, 2);
  await untilNewer(page, woken + WATCHED_MS, WATCHED_MS + LIVE_MS);
  const failures = await page.evaluate(() => window.failures);
  assert.deepEqual(failures.filter((failure) => !isOfNoTime(failure, newest, woken - heldMs)), []);
});
