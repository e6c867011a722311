// A page that is left open for a month: what it keeps does not grow.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MarkerFeed } from '../markers/marker-feed.js';
import { MARKERS_MAX, MarkerStore } from '../markers/marker-store.js';

/** A marker every five seconds, for a month: it begins and ends. */
const EVENTS = 1_000_000;
const MARKER_MS = 5000;
const WINDOW_MS = 600_000;
/** Markers between two looks at the window, which are rarer here than in a page to save time. */
const WINDOW_EVERY = 1000;
/** A million ids alone are some 80 MB. */
const GROWTH_MAX = 8_000_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

function heap() {
  collect();
  return process.memoryUsage().heapUsed;
}

/** Lets so many events pass. @param {(n: number, begin: number) => void} each after each marker */
function pass(feed, first, count, each) {
  for (let n = first; n < first + count / 2; n += 1) {
    const begin = n * MARKER_MS;
    const marker = { id: `motion-${n}`, kind: 'motion', source: 'api', text: null, begin: new Date(begin).toISOString(), end: null, count: null, box: null };
    feed.event('marker-begin', { marker });
    feed.event('marker-end', { marker: { ...marker, end: new Date(begin + 1000).toISOString() } });
    each(n, begin);
  }
}

const feedOf = (store) => new MarkerFeed(store, () => null, async () => ({ markers: [], next: null }), () => {});

test('a_month_of_markers_of_a_kind_that_is_hidden_leaves_nothing_behind', () => {
  const store = new MarkerStore();
  const feed = feedOf(store);
  const window = (n, begin) => n % WINDOW_EVERY === 0 && store.forgetBefore(begin - WINDOW_MS);
  pass(feed, 0, EVENTS / 10, window);
  const before = heap();
  pass(feed, EVENTS / 20, EVENTS * 0.9, window);
  const grown = heap() - before;
  assert.ok(grown < GROWTH_MAX, `${grown} bytes`);
  assert.ok(store.all.length <= WINDOW_EVERY + WINDOW_MS / MARKER_MS, `${store.all.length} markers`);
});

test('markers_that_come_while_no_window_moves_are_limited_too', () => {
  const store = new MarkerStore();
  let most = 0;
  pass(feedOf(store), 0, EVENTS / 10, (n) => n % WINDOW_EVERY === 0 && (most = Math.max(most, store.all.length)));
  assert.ok(most <= MARKERS_MAX * 1.1, `${most} markers`);
  assert.equal(store.all.at(-1).id, `motion-${EVENTS / 20 - 1}`, 'the newest stay');
});

test('what_was_hidden_when_it_came_is_no_news_when_it_is_shown_later', () => {
  const store = new MarkerStore();
  store.begin({ id: 'a', kind: 'motion', begin: new Date(0).toISOString() });
  store.told();
  assert.equal(store.isNews('a'), false);
});

test('events_that_wait_for_a_list_that_does_not_come_are_limited_and_the_list_is_asked_for_again', async () => {
  const store = new MarkerStore();
  let answer;
  let asked = 0;
  const feed = new MarkerFeed(store, () => null, () => new Promise((resolve) => { asked += 1; answer = resolve; }), () => {});
  const done = feed.refresh();
  collect();
  const before = heap();
  pass(feed, 0, EVENTS / 5, () => {});
  assert.ok(heap() - before < 3 * GROWTH_MAX);
  answer({ markers: [], next: null });
  await new Promise(setImmediate);
  assert.equal(asked, 2);
  answer({ markers: [{ id: 'listed', kind: 'motion', begin: new Date(0).toISOString(), end: null }], next: null });
  await done;
  assert.ok(store.all.some(({ id }) => id === 'listed'));
});

test('a_list_that_cannot_be_had_has_one_retry_waiting_however_often_the_events_come_back', async () => {
  const store = new MarkerStore();
  const later = [];
  const feed = new MarkerFeed(store, () => null, async () => { throw new Error('503'); }, (again) => later.push(again));
  for (let n = 0; n < 100; n += 1) {
    await feed.refresh();
  }
  assert.equal(later.length, 1);
  later.pop()();
  await new Promise(setImmediate);
  assert.equal(later.length, 1);
});
