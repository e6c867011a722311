import assert from 'node:assert/strict';
import { test } from 'node:test';
import { archiveUrl } from '../player/archive-engine.js';
import { History } from '../player/history.js';
import { Reach } from '../player/reach.js';
import { coveredOf, keptOf } from '../timeline/bar-drawing.js';
import { Timeline } from '../timeline/timeline.js';

const HOUR = 3_600_000;
/** When the server was asked, and a day before. */
const NOW = Date.parse('2026-11-20T16:00:00Z');
const iso = (/** @type {number} */ ms) => new Date(ms).toISOString();
const DISK = { window_s: 7 * 86_400, bytes_max: null, min_free: 0, free: null };
/** Two stretches of which only the newest six hours are listed. */
const REPORT = {
  listed_from: iso(NOW - 6 * HOUR),
  footage: [{ from: iso(NOW - 30 * HOUR), to: iso(NOW - 24 * HOUR) }, { from: iso(NOW - 12 * HOUR), to: iso(NOW) }],
  disk: DISK,
};
const LISTED = { startMs: NOW - 6 * HOUR, endMs: NOW };

function told(report = REPORT) {
  const history = new History('');
  history.learn(/** @type {any} */ (report), 0);
  history.isKnown = true;
  return history;
}

/** @param {Partial<import('../player/reach.js').Playing>} playing @param {History} history */
const reachOf = (playing, history = told(), clock = { now: 0 }) => new Reach(history, () => ({ listed: LISTED, archived: false, ...playing }), () => clock.now);

test('a_moment_without_footage_is_that_where_the_next_begins', () => {
  const history = told();
  assert.equal(history.nearest(NOW - 25 * HOUR), NOW - 25 * HOUR);
  assert.equal(history.nearest(NOW - 20 * HOUR), NOW - 12 * HOUR);
  assert.equal(history.nearest(NOW + HOUR), NOW + HOUR, 'behind all of it there may be more by now');
  assert.equal(history.listedFrom(60_000), NOW - 6 * HOUR + 60_000, 'what is listed slides along');
});

test('without_a_disk_only_the_playlist_says_what_there_is', () => {
  const history = told({ ...REPORT, disk: /** @type {any} */ (null) });
  assert.deepEqual([history.footage, history.startMs], [[], null]);
  const reach = reachOf({}, history);
  assert.deepEqual(reach.window, LISTED);
  assert.equal(reach.isFar(NOW - 7 * HOUR), false);
});

test('the_archive_has_what_the_playlist_does_not_list', () => {
  const reach = reachOf({});
  assert.deepEqual(reach.window, { startMs: NOW - 30 * HOUR, endMs: NOW });
  assert.deepEqual([NOW - HOUR, NOW - 7 * HOUR, NOW + 5].map((ms) => reach.isFar(ms)), [false, true, false]);
  assert.deepEqual(reach.placeOf(NOW - 7 * HOUR), { date: NOW - 7 * HOUR, archived: true });
  assert.deepEqual(reach.placeOf(NOW - 40 * HOUR), { date: NOW - 30 * HOUR, archived: true }, 'nothing is older');
});

test('out_of_the_archive_one_comes_to_the_playlist_again_and_to_live', () => {
  const clock = { now: 0 };
  const playing = { listed: LISTED, archived: false };
  const reach = reachOf({}, told(), clock);
  const own = new Reach(told(), () => playing, () => clock.now);
  own.listed(LISTED);
  Object.assign(playing, { listed: { startMs: NOW - 12 * HOUR, endMs: NOW - 11 * HOUR }, archived: true });
  clock.now = 10_000;
  assert.deepEqual(own.window, { startMs: NOW - 30 * HOUR, endMs: NOW + 10_000 }, 'live goes on meanwhile');
  assert.equal(own.next, NOW - 11 * HOUR + 10);
  assert.equal(reach.next, null);
  assert.equal(own.isFar(NOW - 5 * HOUR), true);
  assert.deepEqual(own.placeOf(NOW - 5 * HOUR), { date: NOW - 5 * HOUR, archived: false });
  assert.deepEqual(own.placeOf(NOW - 6 * HOUR), { date: NOW - 6 * HOUR, archived: true }, 'what is about to leave the playlist');
  assert.equal(own.placeOf(NOW + 10_000), null, 'live');
});

test('where_a_moment_is_that_may_be_kept_is_known_once_the_server_has_said_so', () => {
  const history = new History('');
  const reach = reachOf({}, history);
  assert.deepEqual([reach.isKnown(NOW - 7 * HOUR), reach.isKnown(NOW - HOUR)], [false, true]);
  history.isKnown = true;
  assert.equal(reach.isKnown(NOW - 7 * HOUR), true);
});

test('an_archive_is_asked_for_around_a_moment', () => {
  const url = (/** @type {number} */ newestMs) => archiveUrl('cam/archive.m3u8', { ms: NOW, newestMs });
  assert.equal(url(NOW + 24 * HOUR), 'cam/archive.m3u8?from=2026-11-20T15:50:00.000Z&to=2026-11-20T16:50:00.000Z');
  assert.equal(url(NOW + 60_000), 'cam/archive.m3u8?from=2026-11-20T15:50:00.000Z&to=2026-11-20T16:00:45.000Z', 'a time that is over has an end');
  assert.equal(url(NOW), 'cam/archive.m3u8?from=2026-11-20T15:50:00.000Z&to=2026-11-20T16:00:01.000Z');
});

test('the_bar_shows_where_there_is_footage', () => {
  const timeline = new Timeline();
  timeline.setWindow({ from: 0, to: 1_000_000 });
  const at = (/** @type {[number, number][]} */ ...footage) => coveredOf(timeline, footage.map(([from, to]) => ({ from, to })), 100);
  assert.deepEqual(at(), [{ left: 0, right: 100 }], 'all of what is listed');
  assert.deepEqual(at([0, 200_000], [500_000, 900_000]), [{ left: 0, right: 20 }, { left: 50, right: 100 }], 'the newest goes on');
  assert.deepEqual(at([0, 200_000], [205_000, 900_000]), [{ left: 0, right: 100 }], 'half a pixel is no gap');
  assert.deepEqual(at([0, 1000], [500_000, 900_000])[0], { left: 0, right: 1 }, 'a minute of a day is seen');
});

test('the_bar_shows_what_is_kept_for_ever_as_far_as_it_is_in_view', () => {
  const timeline = new Timeline();
  timeline.setWindow({ from: 0, to: 1_000_000 });
  const at = (/** @type {[number, number][]} */ ...kept) => keptOf(timeline, kept.map(([from, to]) => ({ from, to })), 100);
  assert.deepEqual(at([100_000, 200_000], [900_000, Infinity]), [{ left: 10, width: 10 }, { left: 90, width: 10 }]);
  assert.deepEqual(at([500_000, 500_001]), [{ left: 50, width: 1 }], 'a second of a day is seen');
  assert.deepEqual(at([-50_000, -10_000], [-50_000, 50_000], [1_200_000, Infinity]), [{ left: 0, width: 5 }]);
});
