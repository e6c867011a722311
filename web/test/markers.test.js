import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MarkerFeed } from '../markers/marker-feed.js';
import { markersAt, spansOf } from '../markers/marker-spans.js';
import { MARKERS_MAX, MarkerStore, kindText, markerOf, newestOf } from '../markers/marker-store.js';

const T0 = Date.parse('2026-11-24T06:00:00Z');
const iso = (s) => new Date(T0 + s * 1000).toISOString();
const NONE = new Set();

/** A marker as the server writes it; seconds from T0, `end` null while open. */
const wire = (id, begin, end = null, kind = 'face') => ({ id, kind, text: null, begin: iso(begin), end: end === null ? null : iso(end), count: 1, box: null });
const ids = (store) => store.all.map(({ id }) => id);

test('markers_are_kept_in_the_order_of_their_beginnings', () => {
  const store = new MarkerStore();
  store.replace([wire('b', 20, 30), wire('a', 10)]);
  store.put(wire('c', 15, 16));
  assert.deepEqual(ids(store), ['a', 'c', 'b']);
  store.put({ ...wire('a', 10, 18), text: 'closed' });
  assert.deepEqual([store.all[0].end, store.all[0].text], [T0 + 18_000, 'closed']);
  store.remove('c');
  store.remove('unknown');
  assert.deepEqual(ids(store), ['a', 'b']);
});

test('markers_leave_with_the_window_but_not_while_they_are_open', () => {
  const store = new MarkerStore();
  store.replace([wire('open', 0), wire('old', 1, 5), wire('reaches-in', 2, 12), wire('new', 11, 13)]);
  store.forgetBefore(T0 + 10_000);
  assert.deepEqual(ids(store), ['open', 'reaches-in', 'new']);
});

test('there_is_a_limit_and_the_oldest_go_first', () => {
  const store = new MarkerStore();
  store.replace(Array.from({ length: MARKERS_MAX + 2 }, (_, n) => wire(`m${n}`, n, n + 1)));
  store.forgetBefore(T0);
  assert.equal(store.all.length, MARKERS_MAX);
  assert.equal(store.all[0].id, 'm2');
});

test('what_is_no_marker_is_left_out', () => {
  for (const item of [null, 'x', {}, { id: 1, kind: 'face', begin: iso(0) }, { id: 'a', kind: 'face', begin: 'yesterday' }]) {
    assert.equal(markerOf(item), null);
  }
  const store = new MarkerStore();
  store.replace([undefined, wire('a', 1)]);
  assert.deepEqual(ids(store), ['a']);
});

test('the_version_tells_whether_anything_changed', () => {
  const store = new MarkerStore();
  store.replace([wire('a', 1, 2)]);
  const { version } = store;
  store.forgetBefore(T0);
  store.remove('b');
  assert.equal(store.version, version);
  store.remove('a');
  assert.notEqual(store.version, version);
});

test('the_list_is_newest_first_filtered_and_capped', () => {
  const store = new MarkerStore();
  store.replace([wire('a', 1, 2), wire('b', 2, 3, 'note'), wire('c', 3, 4), wire('d', 4, 5)]);
  assert.deepEqual(newestOf(store.all, NONE, 2).shown.map(({ id }) => id), ['d', 'c']);
  assert.equal(newestOf(store.all, NONE, 2).more, 2);
  assert.deepEqual(newestOf(store.all, new Set(['face']), 2).shown.map(({ id }) => id), ['b']);
  assert.deepEqual(store.kinds, ['face', 'note']);
  assert.equal(kindText('door-bell'), 'Door bell');
});

/** The spans of a kind in a view of 100 s that is 1000 px wide, as [left, width, markers]. */
function face(markers, now = 100) {
  const parsed = markers.map(markerOf);
  const rows = spansOf(parsed, { from: T0, to: T0 + 100_000 }, 1000, T0 + now * 1000, NONE);
  return (rows.get('face') ?? []).map(({ left, width, markers: count }) => [left, width, count]);
}

test('spans_stand_where_their_times_are_and_open_ones_reach_to_now', () => {
  assert.deepEqual(face([wire('a', 10, 20), wire('b', 50)], 70), [[100, 100, 1], [500, 200, 1]]);
  assert.deepEqual(face([wire('a', -50, 5), wire('b', 95, 500)]), [[0, 50, 1], [950, 50, 1]], 'cut at the edges');
  assert.deepEqual(face([wire('a', -9, -1), wire('b', 101, 102)]), [], 'outside');
});

test('a_span_is_never_too_narrow_to_be_seen', () => assert.deepEqual(face([wire('a', 10, 10)]), [[100, 3, 1]]));

test('spans_denser_than_a_pixel_are_one', () => {
  assert.deepEqual(face([wire('a', 10, 20), wire('b', 20.05, 30), wire('c', 31, 32)]), [[100, 200, 2], [310, 10, 1]]);
  assert.deepEqual(face([wire('long', 10, 40), wire('within', 20, 30), wire('next', 35, 50)]), [[100, 400, 3]]);
  const many = Array.from({ length: 20_000 }, (_, n) => wire(`m${n}`, n / 200, n / 200));
  assert.ok(face(many).length <= 250, 'no more than there is room for');
});

test('each_kind_has_a_row_and_hidden_kinds_have_none', () => {
  const parsed = [wire('a', 1, 2), wire('b', 1, 2, 'note')].map(markerOf);
  const view = { from: T0, to: T0 + 100_000 };
  assert.deepEqual([...spansOf(parsed, view, 1000, T0, NONE).keys()], ['face', 'note']);
  assert.deepEqual([...spansOf(parsed, view, 1000, T0, new Set(['face'])).keys()], ['note']);
});

test('the_markers_under_the_pointer_are_found_with_some_reach', () => {
  const parsed = [wire('a', 10, 20), wire('b', 15), wire('c', 40, 41)].map(markerOf);
  const at = (s) => markersAt(parsed, T0 + s * 1000, 500, T0 + 60_000, NONE).map(({ id }) => id);
  assert.deepEqual(at(9.6), ['a']);
  assert.deepEqual(at(16), ['b', 'a']);
  assert.deepEqual(at(41.4), ['c', 'b']);
});

/** A feed whose answers are given by hand. */
function feedOf(store, since = null) {
  const asked = [];
  const later = [];
  const ask = (path) => new Promise((resolve, reject) => asked.push({ path, resolve, reject }));
  return { feed: new MarkerFeed(store, () => since, ask, (done) => later.push(done)), asked, later };
}

test('the_list_is_read_page_by_page', async () => {
  const store = new MarkerStore();
  const { feed, asked } = feedOf(store, T0);
  const done = feed.refresh();
  assert.equal(asked[0].path, 'api/markers?limit=1000&from=2026-11-24T06:00:00.000Z');
  asked[0].resolve({ markers: [wire('a', 1)], next: 'a/1' });
  await new Promise(setImmediate);
  assert.equal(asked[1].path, 'api/markers?limit=1000&from=2026-11-24T06:00:00.000Z&cursor=a%2F1');
  asked[1].resolve({ markers: [wire('b', 2)], next: null });
  await done;
  assert.deepEqual(ids(store), ['a', 'b']);
});

test('events_that_come_before_the_list_are_applied_after_it', async () => {
  const store = new MarkerStore();
  const { feed, asked } = feedOf(store);
  const done = feed.refresh();
  feed.event('marker-end', { at: iso(5), marker: wire('a', 1, 5) });
  feed.event('marker-removed', { at: iso(5), id: 'b' });
  feed.event('marker-begin', { at: iso(6), marker: wire('c', 6) });
  asked[0].resolve({ markers: [wire('a', 1), wire('b', 2)], next: null });
  await done;
  assert.deepEqual(ids(store), ['a', 'c']);
  assert.equal(store.all[0].end, T0 + 5000);
  assert.equal(store.isNews('c'), true);
  assert.equal(store.isNews('c'), false, 'told once');
  assert.equal(store.isNews('a'), false);
});

test('what_was_removed_while_nobody_listened_goes_with_the_next_list', async () => {
  const store = new MarkerStore();
  const { feed, asked } = feedOf(store);
  store.replace([wire('gone', 1, 2)]);
  const done = feed.refresh();
  const again = feed.refresh();
  asked[0].resolve({ markers: [wire('gone', 1, 2)], next: null });
  await new Promise(setImmediate);
  assert.equal(asked.length, 2, 'asked for while one was under way: asked again');
  asked[1].resolve({ markers: [], next: null });
  await Promise.all([done, again]);
  assert.deepEqual(ids(store), []);
});

test('a_list_that_cannot_be_had_is_asked_for_again_and_events_count_meanwhile', async () => {
  const store = new MarkerStore();
  const { feed, asked, later } = feedOf(store);
  const done = feed.refresh();
  asked[0].reject(new Error('503'));
  await done;
  feed.event('marker-begin', { at: iso(1), marker: wire('a', 1) });
  assert.deepEqual(ids(store), ['a']);
  later[0]();
  asked[1].resolve({ markers: [wire('a', 1), wire('b', 0, 1)], next: null });
  await new Promise(setImmediate);
  assert.deepEqual(ids(store), ['b', 'a']);
});
