import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BarGestures } from '../timeline/bar-gestures.js';
import { STRETCH_MIN_MS, Stretch, lapseSpeed } from '../timeline/stretch.js';

test('a_time_lapse_takes_at_most_a_minute', () => {
  const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
  assert.deepEqual([29_999, 30_000, 10 * minute, hour, day, 7 * day, 400 * day].map(lapseSpeed), [null, 10, 10, 60, 1800, 30_000, 100_000]);
});

test('a_stretch_has_two_ends_in_any_order', () => {
  const stretch = new Stretch();
  assert.equal(stretch.range, null);
  stretch.begin(5000);
  assert.equal(stretch.range, null);
  stretch.extend(9000);
  assert.deepEqual(stretch.range, { from: 5000, to: 9000 });
  stretch.extend(2000);
  assert.deepEqual(stretch.range, { from: 2000, to: 5000 });
  stretch.extend(5000 - STRETCH_MIN_MS + 1);
  assert.equal(stretch.range, null, 'it is hardly longer than nothing');
  stretch.begin(1000);
  assert.equal(stretch.range, null, 'another begins');
  stretch.clear();
  stretch.extend(4000);
  assert.equal(stretch.range, null, 'the end alone');
  stretch.extend(6000);
  assert.deepEqual(stretch.range, { from: 4000, to: 6000 });
});

test('a_mouse_with_shift_drags_out_a_stretch_and_seeks_nothing', () => {
  const gestures = new BarGestures();
  assert.deepEqual(gestures.down({ id: 1, x: 10, pans: true, touch: false, stretches: true }), [{ type: 'begin-stretch', x: 10 }]);
  assert.deepEqual(gestures.move({ id: 1, x: 30 }), [{ type: 'stretch', x: 30 }]);
  assert.deepEqual(gestures.up({ id: 1, cancelled: false, mouse: true }), []);
  assert.deepEqual(gestures.down({ id: 1, x: 10, pans: false, touch: false }), [{ type: 'scrub', x: 10 }]);
});

test('a_finger_that_stands_still_for_long_drags_out_a_stretch', () => {
  const gestures = new BarGestures();
  const finger = { id: 2, pans: false, touch: true };
  gestures.down({ ...finger, x: 20 });
  assert.deepEqual(gestures.hold(), [{ type: 'begin-stretch', x: 20 }]);
  assert.deepEqual(gestures.move({ id: 2, x: 50 }), [{ type: 'stretch', x: 50 }]);
  assert.deepEqual(gestures.up({ id: 2, cancelled: false, mouse: false }), [{ type: 'leave' }], 'it is no tap');
  gestures.down({ ...finger, x: 20 });
  gestures.move({ id: 2, x: 50 });
  assert.deepEqual(gestures.hold(), [], 'it moves already');
  gestures.up({ id: 2, cancelled: false, mouse: false });
  assert.deepEqual(gestures.hold(), [], 'it is not there any more');
});
