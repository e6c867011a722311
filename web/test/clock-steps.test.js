import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastStep } from '../player/clock-steps.js';

const NOW = Date.parse('2026-11-20T14:00:00Z');
/** @param {(number | null)[]} dates in seconds from now */
const fragments = (dates) => dates.map((s, i) => ({ sn: 100 + i, programDateTime: s === null ? null : NOW + s * 1000 }));

/** @type {[string, (number | null)[], number, number | null][]} */
const CASES = [
  ['a steady clock', [0, 2, 4], 0, null],
  ['a hole of an hour', [0, 2, 3600], 0, null],
  ['set back', [0, 2, -3600, -3598], 0, 102],
  ['set from 1970', [-1.7e9, -1.7e9 + 2, 0, 2], 0, 102],
  ['set twice', [0, -3600, -3598, 10], 0, 101],
  ['the last of two', [0, -3600, -7200, -7198], 0, 102],
  ['known already', [0, 2, -3600, -3598], 103, null],
  ['no dates', [null, null, 2], 0, null],
  ['nothing', [], 0, null],
];
test('step of the clock: a guess of what is gone is none', () => {
  const guessed = fragments([0, 2, 4, 6, 5, 7]).map((fragment) => ({ ...fragment, gap: fragment.sn === 102 || fragment.sn === 103 }));
  assert.equal(lastStep(guessed, 0), null);
  assert.equal(lastStep(guessed, 103), null);
});

for (const [name, dates, known, expect] of CASES) {
  test(`step of the clock: ${name}`, () => assert.equal(lastStep(fragments(dates), known), expect));
}
