import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BarGestures } from '../timeline/bar-gestures.js';

const MOUSE = { id: 1, pans: false, touch: false };
const FINGER = { id: 2, pans: false, touch: true };

test('a_mouse_scrubs_while_it_is_down_and_is_shown_the_rest_of_the_time', () => {
  const gestures = new BarGestures();
  assert.deepEqual(gestures.move({ id: 1, x: 10 }), [{ type: 'hover', x: 10 }]);
  assert.deepEqual(gestures.down({ ...MOUSE, x: 20 }), [{ type: 'scrub', x: 20 }]);
  assert.deepEqual(gestures.move({ id: 1, x: 21 }), [{ type: 'scrub', x: 21 }]);
  assert.equal(gestures.idle, false);
  assert.deepEqual(gestures.up({ id: 1, cancelled: false, mouse: true }), []);
  assert.equal(gestures.idle, true);
});

test('a_pointer_on_the_ruler_pans', () => {
  const gestures = new BarGestures();
  assert.deepEqual(gestures.down({ ...MOUSE, x: 20, pans: true }), []);
  assert.deepEqual(gestures.move({ id: 1, x: 15 }), [{ type: 'pan', px: 5 }]);
});

test('a_finger_seeks_when_it_moves_or_leaves_and_not_before', () => {
  const gestures = new BarGestures();
  assert.deepEqual(gestures.down({ ...FINGER, x: 20 }), []);
  assert.deepEqual(gestures.move({ id: 2, x: 25 }), [], 'it trembles');
  assert.deepEqual(gestures.up({ id: 2, cancelled: false, mouse: false }), [{ type: 'scrub', x: 20 }, { type: 'leave' }], 'a tap');
  gestures.down({ ...FINGER, x: 20 });
  assert.deepEqual(gestures.move({ id: 2, x: 40 }), [{ type: 'scrub', x: 40 }]);
  assert.deepEqual(gestures.up({ id: 2, cancelled: false, mouse: false }), [{ type: 'leave' }]);
  gestures.down({ ...FINGER, x: 20 });
  assert.deepEqual(gestures.up({ id: 2, cancelled: true, mouse: false }), [{ type: 'leave' }], 'the browser took it');
});

test('two_fingers_zoom_around_their_middle_and_pan_and_the_last_one_seeks_nothing', () => {
  const gestures = new BarGestures();
  gestures.down({ ...FINGER, x: 100 });
  assert.deepEqual(gestures.down({ ...FINGER, id: 3, x: 200 }), [{ type: 'give-up' }]);
  assert.deepEqual(gestures.move({ id: 3, x: 300 }), [{ type: 'zoom', factor: 0.5, x: 150 }, { type: 'pan', px: -50 }]);
  assert.deepEqual(gestures.move({ id: 3, x: 100 }), [{ type: 'pan', px: 100 }], 'fingers on one another have no distance');
  assert.deepEqual(gestures.up({ id: 3, cancelled: false, mouse: false }), []);
  assert.deepEqual(gestures.move({ id: 2, x: 110 }).filter(({ type }) => type === 'scrub'), []);
  assert.deepEqual(gestures.up({ id: 2, cancelled: false, mouse: false }), [{ type: 'leave' }]);
  assert.equal(gestures.idle, true);
});
