import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SPAN_MIN_MS, Timeline } from '../timeline/timeline.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const T0 = Date.parse('2026-11-24T06:00:00Z');

/** A timeline on a window that begins at T0. */
function timelineOf(spanMs) {
  const timeline = new Timeline();
  timeline.setWindow({ from: T0, to: T0 + spanMs });
  return timeline;
}

/** The view in milliseconds from T0. */
const seen = ({ view }) => [view.from - T0, view.to - T0];

test('the_bar_shows_the_whole_window_at_first_and_goes_along_as_it_slides', () => {
  const timeline = timelineOf(5 * MINUTE);
  assert.deepEqual(seen(timeline), [0, 5 * MINUTE]);
  timeline.setWindow({ from: T0 + 3000, to: T0 + 5 * MINUTE + 3000 });
  assert.deepEqual(seen(timeline), [3000, 5 * MINUTE + 3000]);
  assert.equal(timeline.isWhole, true);
});

test('a_window_that_is_still_short_stands_at_the_right', () => {
  const timeline = timelineOf(15_000);
  assert.deepEqual(seen(timeline), [15_000 - SPAN_MIN_MS, 15_000]);
  assert.equal(timeline.placeOf(T0), 0.75);
  assert.equal(timeline.momentAt(0), T0, 'nothing before the window can be asked for');
});

test('places_and_moments_are_each_others_inverse', () => {
  const timeline = timelineOf(24 * HOUR);
  timeline.zoom(0.1, T0 + 7 * HOUR);
  for (const place of [0, 0.25, 0.9, 1]) {
    assert.ok(Math.abs(timeline.placeOf(timeline.momentAt(place)) - place) < 1e-9);
  }
});

test('zooming_keeps_the_moment_under_the_pointer_where_it_is', () => {
  const timeline = timelineOf(24 * HOUR);
  const anchor = T0 + 6 * HOUR;
  const before = timeline.placeOf(anchor);
  timeline.zoom(0.5, anchor);
  assert.equal(timeline.placeOf(anchor), before);
  assert.deepEqual(seen(timeline), [3 * HOUR, 15 * HOUR]);
});

test('zoom_ends_at_a_minute_and_at_the_whole_window', () => {
  const timeline = timelineOf(24 * HOUR);
  for (let n = 0; n < 40; n += 1) {
    timeline.zoom(0.5, T0 + 6 * HOUR);
  }
  assert.equal(timeline.view.to - timeline.view.from, SPAN_MIN_MS);
  for (let n = 0; n < 40; n += 1) {
    timeline.zoom(2, T0 + 6 * HOUR);
  }
  assert.deepEqual(seen(timeline), [0, 24 * HOUR]);
  assert.equal(timeline.isWhole, true);
});

test('a_view_at_the_live_end_follows_it_and_one_elsewhere_is_held', () => {
  const timeline = timelineOf(HOUR);
  timeline.zoom(0.25, T0 + HOUR);
  timeline.setWindow({ from: T0 + MINUTE, to: T0 + HOUR + MINUTE });
  assert.deepEqual(seen(timeline), [46 * MINUTE, 61 * MINUTE]);
  timeline.pan(-20 * MINUTE);
  timeline.setWindow({ from: T0 + 2 * MINUTE, to: T0 + HOUR + 2 * MINUTE });
  assert.deepEqual(seen(timeline), [26 * MINUTE, 41 * MINUTE], 'held');
  timeline.pan(HOUR);
  timeline.setWindow({ from: T0 + 3 * MINUTE, to: T0 + HOUR + 3 * MINUTE });
  assert.deepEqual(seen(timeline), [48 * MINUTE, 63 * MINUTE], 'back at the end it follows again');
});

test('a_held_view_is_pushed_along_by_the_left_edge_of_the_window', () => {
  const timeline = timelineOf(HOUR);
  timeline.zoom(0.25, T0);
  timeline.setWindow({ from: T0 + 5 * MINUTE, to: T0 + 65 * MINUTE });
  assert.deepEqual(seen(timeline), [5 * MINUTE, 20 * MINUTE]);
});

test('panning_ends_at_the_windows_ends_and_does_nothing_when_all_is_shown', () => {
  const timeline = timelineOf(HOUR);
  timeline.pan(-MINUTE);
  assert.deepEqual(seen(timeline), [0, HOUR]);
  timeline.zoom(0.5, T0 + HOUR / 2);
  timeline.pan(-10 * HOUR);
  assert.deepEqual(seen(timeline), [0, HOUR / 2]);
});

test('a_view_follows_the_playhead_that_plays_out_of_it_but_not_after_being_panned_away', () => {
  const timeline = timelineOf(HOUR);
  timeline.zoom(1 / 6, T0);
  timeline.playheadAt(T0 + 9 * MINUTE);
  timeline.playheadAt(T0 + 10 * MINUTE + 1);
  assert.deepEqual(seen(timeline), [9 * MINUTE + 1, 19 * MINUTE + 1]);
  timeline.pan(20 * MINUTE);
  timeline.playheadAt(T0 + 10 * MINUTE + 1000);
  timeline.playheadAt(T0 + 10 * MINUTE + 2000);
  const [from] = seen(timeline);
  assert.equal(from, 29 * MINUTE + 1, 'the viewer looks elsewhere');
  timeline.reveal(T0 + 10 * MINUTE + 2000);
  assert.ok(timeline.placeOf(T0 + 10 * MINUTE + 2000) > 0);
});

test('another_streams_window_is_shown_whole_whatever_was_held', () => {
  const timeline = timelineOf(24 * HOUR);
  timeline.zoom(0.1, T0);
  timeline.setWindow({ from: T0 + 48 * HOUR, to: T0 + 48 * HOUR + 20_000 });
  assert.deepEqual(seen(timeline), [48 * HOUR + 20_000 - SPAN_MIN_MS, 48 * HOUR + 20_000]);
});
