import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tickWriter, ticksOf } from '../timeline/ticks.js';

const HOUR = 3_600_000;

/** A zone's offset, by the same means for every zone: what its wall clock shows, less UTC. */
const offsetOf = (timeZone) => {
  const format = new Intl.DateTimeFormat('sv', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  return (at) => Date.parse(`${format.format(at).replace(' ', 'T')}Z`) - Math.floor(at / 1000) * 1000;
};

/** The marks' labels between two times of a zone. The oldest Node.js whose tests run here knows an ICU that has a comma after the weekday. */
function labels(from, to, most, timeZone = 'UTC') {
  const { step, ticks } = ticksOf({ from: Date.parse(from), to: Date.parse(to) }, most, offsetOf(timeZone));
  const write = tickWriter(step, 'en-GB', timeZone);
  return ticks.map((tick) => write(tick).replace(/^(\p{L}+),/u, '$1'));
}

test('marks_stand_on_round_times_as_dense_as_there_is_room', () => {
  assert.deepEqual(labels('2026-11-24T14:03:07Z', '2026-11-24T14:08:07Z', 6), ['14:04', '14:05', '14:06', '14:07', '14:08']);
  assert.deepEqual(labels('2026-11-24T14:03:07Z', '2026-11-24T14:04:07Z', 4), ['14:03:15', '14:03:30', '14:03:45', '14:04:00']);
  assert.deepEqual(labels('2026-11-24T14:03:07Z', '2026-11-24T14:08:07Z', 3), ['14:04', '14:06', '14:08']);
});

test('a_day_begins_with_its_date', () => {
  assert.deepEqual(labels('2026-11-23T14:00:01Z', '2026-11-24T14:00:00Z', 8), ['15:00', '18:00', '21:00', 'Tue 24 Nov', '03:00', '06:00', '09:00', '12:00']);
});

test('hours_are_those_of_the_viewers_zone', () => {
  assert.deepEqual(labels('2026-11-24T00:00:00Z', '2026-11-24T02:00:00Z', 4, 'Asia/Kathmandu'), ['06:00', '06:30', '07:00', '07:30']);
  assert.deepEqual(labels('2026-11-24T00:00:00Z', '2026-11-24T23:00:00Z', 4, 'Asia/Kolkata'), ['06:00', '12:00', '18:00', 'Wed 25 Nov']);
});

test('marks_stay_on_the_wall_clock_when_it_is_put_forward', () => {
  assert.deepEqual(labels('2026-03-28T22:30:00Z', '2026-03-29T05:00:00Z', 8, 'Europe/Berlin'), ['Sun 29 Mar', '01:00', '03:00', '04:00', '05:00', '06:00', '07:00']);
  assert.deepEqual(labels('2026-03-28T20:00:00Z', '2026-03-29T12:00:00Z', 6, 'Europe/Berlin'), ['21:00', 'Sun 29 Mar', '03:00', '06:00', '09:00', '12:00']);
});

test('the_hour_that_comes_twice_is_marked_twice', () => {
  assert.deepEqual(labels('2026-10-24T23:00:00Z', '2026-10-25T02:30:00Z', 4, 'Europe/Berlin'), ['01:00', '02:00', '02:00', '03:00']);
});

test('there_are_never_more_marks_than_there_is_room_for_but_for_the_ends', () => {
  for (let span = 60_000; span <= 24 * HOUR; span *= 1.37) {
    for (const most of [2, 4, 8, 15]) {
      const from = Date.parse('2026-11-24T14:03:07Z');
      const { ticks } = ticksOf({ from, to: from + span }, most, () => 0);
      assert.ok(ticks.length <= most + 1, `${ticks.length} marks in ${span} ms, room for ${most}`);
      assert.ok(span < 2 * HOUR || ticks.length >= most / 4, `${ticks.length} marks in ${span} ms, room for ${most}`);
    }
  }
});
