import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerClock, ageText, clockText } from '../shell/clock.js';

const AT = '2026-11-20T14:03:12.500Z';
const MS = Date.parse(AT);

test('the_clock_is_unknown_before_the_first_answer', () => assert.equal(new ServerClock().at(1000), null));

test('the_answer_is_dated_to_the_middle_of_the_round_trip', () => {
  const clock = new ServerClock();
  clock.sample(1000, 1040, `${AT}\n`);
  assert.equal(clock.at(1020), MS);
  assert.equal(clock.at(2020), MS + 1000);
});

test('the_quickest_answer_is_believed', () => {
  const clock = new ServerClock();
  clock.sample(0, 800, AT);
  clock.sample(1000, 1010, new Date(MS + 700).toISOString());
  clock.sample(2000, 2600, new Date(MS + 2200).toISOString());
  assert.equal(clock.at(1005), MS + 700);
});

test('a_clock_that_was_set_is_known_with_the_next_answer', () => {
  for (const step of [3_600_000, -3_600_000, 1000]) {
    const clock = new ServerClock();
    clock.sample(1000, 1002, AT);
    clock.sample(3000, 3080, new Date(MS + 2000 + step).toISOString());
    assert.equal(clock.at(3040), MS + 2000 + step);
  }
});

test('old_answers_give_way', () => {
  const clock = new ServerClock();
  clock.sample(0, 2, AT);
  for (let n = 1; n <= 8; n += 1) {
    clock.sample(n * 1000, n * 1000 + 10, new Date(MS + n * 1000 + 100).toISOString());
  }
  assert.equal(clock.at(8005), MS + 8100);
});

test('an_answer_that_is_no_time_is_left_out', () => {
  const clock = new ServerClock();
  clock.sample(0, 10, '<html>');
  clock.sample(20, 10, AT);
  assert.equal(clock.at(10), null);
});

test('a_reset_forgets', () => {
  const clock = new ServerClock();
  clock.sample(0, 10, AT);
  clock.reset();
  assert.equal(clock.at(10), null);
});

/** @type {[number, string][]} */
const AGES = [
  [-30, '0.0 s'], [0, '0.0 s'], [534, '0.5 s'], [9949, '9.9 s'], [9951, '10 s'], [59_400, '59 s'], [59_600, '1 min 0 s'],
  [125_000, '2 min 5 s'], [3_600_000, '1 h 0 min'], [7_322_000, '2 h 2 min'],
];
for (const [ms, text] of AGES) {
  test(`an age of ${ms} ms reads "${text}"`, () => assert.equal(ageText(ms), text));
}

test('a_time_of_another_day_comes_with_its_date', () => {
  const date = new Date(2026, 10, 20, 14, 3, 12);
  assert.equal(clockText(date, new Date(2026, 10, 20, 23, 0)), date.toLocaleTimeString());
  assert.equal(clockText(date, new Date(2026, 10, 21, 0, 1)), `${date.toLocaleDateString()} ${date.toLocaleTimeString()}`);
});
