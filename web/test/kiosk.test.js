import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shouldLoadAnew } from '../shell/kiosk.js';

/** @type {[import('../shell/state.js').State, import('../shell/state.js').Facts['contact'], number, boolean][]} */
const CASES = [
  ['starting', 'heard', 130_000, true],
  ['starting', 'heard', 110_000, false],
  ['paused', 'heard', 130_000, true],
  ['unreachable', 'lost', 1e9, false],
  ['starting', 'lost', 1e9, false],
  ['camera-lost', 'heard', 1e9, false],
  ['ended', 'heard', 1e9, false],
  ['live', 'heard', 1e9, false],
];
for (const [state, contact, forMs, expected] of CASES) {
  test(`kiosk: ${state}, ${contact}, ${forMs / 1000} s`, () => assert.equal(shouldLoadAnew({ state, contact, forMs }), expected));
}
