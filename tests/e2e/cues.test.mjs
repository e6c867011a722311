// Markers and events in a real browser, on the real binary with its drawn test source: server-sent events in a page, and EXT-X-DATERANGE as
// cues of hls.js.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { FOREIGN_PLAYER, LIGHT, pageTests, until } from './support.mjs';

const { pageTest } = pageTests();
const HLS_JS = fileURLToPath(new URL('../../web/node_modules/hls.js/dist/hls.min.js', import.meta.url));

/** From the request to a cue, on a busy machine: a part, a playlist, a frame. */
const SOON_MS = 30_000;
/** Cues follow the sum of EXTINF as it was when they were made, and dates the clock. */
const PLACE_MAX_S = 0.5;

/** Plays the stream in place of whatever the page shows, and keeps the events. */
function begin(base) {
  const video = Object.assign(document.createElement('video'), { id: 'video', muted: true, autoplay: true });
  document.body.replaceChildren(video);
  const hls = new window.Hls({ lowLatencyMode: true });
  Object.assign(window, { hls, video, events: [], detections: [] });
  hls.loadSource(new URL('cam/video.m3u8', base).href);
  hls.attachMedia(video);
  const source = new EventSource(new URL('api/events', base).href);
  for (const name of ['marker-begin', 'marker-change', 'marker-end', 'marker-removed']) {
    source.addEventListener(name, (event) => window.events.push({ name, id: event.lastEventId, ...JSON.parse(event.data) }));
  }
  const detections = new EventSource(new URL('api/detections', base).href);
  detections.addEventListener('detection', (event) => window.detections.push(JSON.parse(event.data)));
}

/** The cues of a marker: where they stand, the attributes that they carry, and where the media of their date is. */
function cuesOf([id, date]) {
  const { video, hls } = window;
  const tracks = Array.from(video.textTracks);
  tracks.forEach((track) => (track.mode = 'hidden'));
  const cues = tracks.flatMap((track) => Array.from(track.cues ?? [])).filter((cue) => cue.id === id);
  const attributes = Object.fromEntries(cues.map((cue) => [cue.value.key, cue.value.data]));
  // By its segment: over a discontinuity, dates and the media's time part.
  const fragments = hls.latestLevelDetails?.fragments ?? [];
  const holds = ({ programDateTime, duration }) => programDateTime - 1 <= date && date < programDateTime + duration * 1000;
  const fragment = fragments.find(holds);
  const place = fragment ? fragment.start + (date - fragment.programDateTime) / 1000 : null;
  return { attributes, begin: cues[0]?.startTime, end: cues[0]?.endTime, place };
}

pageTest('markers_are_events_in_a_page_and_cues_of_hls_js', { ...FOREIGN_PLAYER, server: { options: LIGHT }, timeout: 180_000 }, async ({ page, running }) => {
  await page.addScriptTag({ path: HLS_JS });
  await page.evaluate(begin, running.server.url);
  const heard = (name, matches) =>
    until(`${name} is heard`, async () => {
      const seen = await page.evaluate(() => window.events);
      const found = seen.find((event) => event.name === name && matches(event));
      return { done: found !== undefined, seen: found ?? seen };
    }, SOON_MS);
  const cue = ({ id, begin }, what, matches) =>
    until(`${id} is a cue ${what}`, async () => {
      const seen = await page.evaluate(cuesOf, [id, Date.parse(begin)]);
      return { done: seen.begin !== undefined && matches(seen), seen };
    }, SOON_MS);

  const detection = await until('a face is detected', async () => {
    const seen = await page.evaluate(() => window.detections.find(({ boxes }) => boxes.length > 0));
    return { done: seen !== undefined, seen };
  }, SOON_MS);
  assert.equal(detection.boxes[0].kind, 'face');
  const listed = await (await fetch(new URL('api/markers?kind=face', running.server.url))).json();
  const face = listed.markers[0];
  assert.deepEqual([face.kind, face.source], ['face', 'detector']);
  const { begin: at, place } = await cue(face, 'of the detector', (seen) => seen.attributes['X-KIND'] === 'face' && seen.place !== null);
  assert.ok(Math.abs(at - place) < PLACE_MAX_S, `the cue stands at ${at} s, its date at ${place} s`);

  const posted = await page.evaluate(async () => {
    const answer = await fetch('api/markers', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ kind: 'door', text: 'the front door' }),
    });
    return { status: answer.status, location: answer.headers.get('location'), marker: await answer.json() };
  });
  assert.equal(posted.status, 201);
  assert.equal(posted.location, `markers/${posted.marker.id}`);
  const door = posted.marker.id;
  const begun = await heard('marker-begin', ({ marker }) => marker.id === door);
  assert.match(begun.id, /^[0-9a-z]+-\d+$/, 'a page that comes back can say what it heard last');
  await cue(posted.marker, 'of a client', (seen) => seen.attributes['X-TEXT'] === 'the front door');
  const end = new Date().toISOString();
  const target = new URL(`api/markers/${door}`, running.server.url).href;
  await page.evaluate(([url, end]) => fetch(url, {
    method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ end }),
  }), [target, end]);
  assert.equal((await heard('marker-end', ({ marker }) => marker.id === door)).marker.end, end);
  await cue(posted.marker, 'with its end', (seen) => seen.end - seen.begin < SOON_MS / 1000);
  await page.evaluate((url) => fetch(url, { method: 'DELETE' }), target);
  await heard('marker-removed', ({ id }) => id === door);
});
