import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAYS_MAX, daysOf, midnightBefore, nextMidnight } from '../timeline/days.js';

const HOUR = 3_600_000;
const at = (/** @type {number} */ day, /** @type {number} */ hour) => new Date(2026, 10, day, hour).getTime();
const rounded = (/** @type {{left: number, width: number}[]} */ parts) => parts.map(({ left, width }) => [left, width].map((share) => Math.round(share * 24 * 100) / 100));

test('days_have_what_there_is_of_them_the_newest_first', () => {
  const footage = [{ from: at(24, 6), to: at(25, 12) }, { from: at(27, 1), to: at(27, 2) }];
  const marked = [{ from: at(25, 10), to: at(25, 11) }, { from: at(26, 10), to: at(26, 11) }];
  const kept = [{ from: at(24, 22), to: at(25, 1) }, { from: at(27, 9), to: Infinity }];
  const days = daysOf({ footage, marked, kept }, at(27, 10));
  assert.deepEqual(days.map(({ from, first, footageMs }) => [from, first, footageMs / HOUR]), [
    [at(27, 0), at(27, 1), 9],
    [at(25, 0), at(25, 0), 12],
    [at(24, 0), at(24, 6), 18],
  ]);
  assert.deepEqual(days.map(({ covered }) => rounded(covered)), [[[1, 9]], [[0, 12]], [[6, 18]]], 'the last goes on');
  assert.deepEqual(days.map((day) => rounded(day.marked)), [[], [[10, 1]], []]);
  assert.deepEqual(days.map((day) => rounded(day.kept)), [[[9, 1]], [[0, 1]], [[22, 2]]]);
});

test('one_day_needs_no_overview_and_a_year_is_cut', () => {
  const of = (/** @type {number} */ from) => daysOf({ footage: [{ from, to: at(27, 9) }], marked: [], kept: [] }, at(27, 10));
  assert.deepEqual(of(at(27, 0)), []);
  assert.equal(of(at(26, 23)).length, 2);
  assert.equal(of(at(-300, 0)).length, DAYS_MAX);
  assert.deepEqual(daysOf({ footage: [], marked: [], kept: [] }, at(27, 10)), []);
});

test('days_are_from_midnight_to_midnight_where_the_viewer_is', () => {
  for (let day = 1; day < 366; day += 1) {
    const midnight = new Date(2026, 0, day).getTime();
    assert.equal(midnightBefore(midnight + 13 * HOUR), midnight);
    assert.equal(midnightBefore(midnight), midnight);
    assert.equal(nextMidnight(midnight), new Date(2026, 0, day + 1).getTime());
  }
});
