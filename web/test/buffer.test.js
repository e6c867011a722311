import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bufferedEnd, isBuffered, lacksBeginning, seekableEnd } from '../player/buffer.js';

/** @param {[number, number][]} stretches @returns {TimeRanges} */
const ranges = (stretches) => ({ length: stretches.length, start: (i) => stretches[i][0], end: (i) => stretches[i][1] });

/** @type {[string, [number, number][], number, number | null][]} */
const CASES = [
  ['empty', [], 0, null],
  ['inside', [[10, 12]], 11, 12],
  ['at the end', [[10, 12]], 12, 12],
  ['a little before the start', [[10, 12]], 9.95, 12],
  ['before the start', [[10, 12]], 9, null],
  ['in the first of two', [[1, 2], [10, 12]], 1.5, 2],
  ['in the gap of two', [[1, 2], [10, 12]], 5, null],
];
for (const [name, stretches, currentTime, expected] of CASES) {
  test(`buffer: ${name}`, () => assert.equal(bufferedEnd({ buffered: ranges(stretches), currentTime }), expected));
}

test('a_picture_is_there_from_its_beginning_on', () => {
  for (const [currentTime, expect] of [[9.99, false], [10, true], [11.99, true], [12, false], [12.5, false], [13, true]]) {
    assert.equal(isBuffered({ buffered: ranges([[10, 12], [13, 14]]), currentTime }), expect, String(currentTime));
  }
});

test('the_end_that_can_be_played_is_that_of_the_last_stretch', () => {
  assert.equal(seekableEnd({ seekable: ranges([]) }), null);
  assert.equal(seekableEnd({ seekable: ranges([[0, 3], [5, 9]]) }), 9);
});

test('a_fragment_of_which_only_the_end_is_there_lacks_its_beginning', () => {
  /** @param {boolean} expect @param {number} currentTime @param {[number, number][]} stretches */
  const check = (expect, currentTime, ...stretches) =>
    assert.equal(lacksBeginning({ buffered: ranges(stretches), currentTime }, { start: 16, end: 18 }), expect, String(stretches));
  check(true, 16.5, [17, 20]);
  check(true, 16.5, [17, 17.2]);
  check(true, 16.5, [18, 20]);
  check(false, 17.5, [17, 20]);
  check(false, 16.5);
  check(false, 16.5, [19, 20]);
  check(false, 16.5, [16, 16.2], [17, 20]);
  check(true, 16.5, [12, 16], [17, 20]);
});
