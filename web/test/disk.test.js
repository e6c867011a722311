import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daysText, diskText, historyOf, sizeText } from '../shell/disk.js';

const GB = 1e9;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const DISK = { window_s: 366 * 86_400, bytes_max: 200 * GB, min_free: 2 * GB, free: 500 * GB };
const KEPT = { footageMs: 3 * DAY + 4 * HOUR, bytes: 61 * GB, trouble: null, disk: DISK };

/** @type {[string, Partial<import('../shell/disk.js').Kept>, string][]} */
const CASES = [
  ['a limit of bytes', {}, '3 days 4 h kept, 61 GB of 200 GB, full in about 7 days'],
  ['a disk that is fuller than the limit', { disk: { ...DISK, free: 63 * GB } }, '3 days 4 h kept, 61 GB of 200 GB, full in about 3 days'],
  ['no limit', { disk: { ...DISK, bytes_max: null } }, '3 days 4 h kept, 61 GB, 500 GB free, full in about 26 days'],
  ['a window that comes first', { disk: { ...DISK, window_s: 7 * 86_400 } }, '3 days 4 h kept, 61 GB of 200 GB, for 7 days at most'],
  ['a window that is full', { footageMs: 7 * DAY, disk: { ...DISK, window_s: 7 * 86_400 } }, '7 days kept, 61 GB of 200 GB, for 7 days at most'],
  ['full', { bytes: 199.95 * GB }, '3 days 4 h kept, 200 GB of 200 GB, full: the oldest goes'],
  ['a disk without room', { disk: { ...DISK, free: 1 * GB } }, '3 days 4 h kept, 61 GB of 200 GB, full: the oldest goes'],
  ['a small one that is not full', { footageMs: HOUR, bytes: 40e6, disk: { ...DISK, bytes_max: 100e6 } }, '1 h kept, 40 MB of 100 MB, full in about 90 min'],
  ['a beginning', { footageMs: 20_000, bytes: 5e6, disk: { ...DISK, window_s: 3600 } }, '20 s kept, 5 MB of 200 GB, for 1 h at most'],
  ['room that is not known', { disk: { ...DISK, bytes_max: null, free: null } }, '3 days 4 h kept, 61 GB, for 366 days at most'],
  ['a size that is not known', { bytes: null }, '3 days 4 h kept'],
  ['trouble', { trouble: 'no room in /var/lib/hlscam' }, 'Nothing is kept at the moment: no room in /var/lib/hlscam'],
  ['memory alone', { disk: null }, ''],
];
for (const [name, kept, expected] of CASES) {
  test(`disk: ${name}`, () => assert.equal(diskText({ ...KEPT, ...kept }), expected));
}

test('sizes_and_lengths_have_the_figures_that_matter', () => {
  assert.deepEqual([0, 999, 1000, 1540, 9960, 999_600, 61.4 * GB, 4.5e12].map(sizeText), ['0 B', '999 B', '1 kB', '1.5 kB', '10 kB', '1 MB', '61 GB', '4.5 TB']);
  assert.deepEqual([12_000, 90_000, HOUR + 40_000, DAY - 1, DAY, DAY + HOUR, 50 * DAY].map(daysText),
    ['12 s', '1 min', '1 h', '23 h 59 min', '1 day', '1 day 1 h', '50 days']);
});

test('a_status_without_a_history_says_nothing_of_it', () => {
  assert.deepEqual(historyOf({ history: { bytes: 7, trouble: 'full' } }), { bytes: 7, trouble: 'full' });
  assert.deepEqual([null, {}, { history: { bytes: 'x', trouble: null } }].map(historyOf), Array(3).fill({ bytes: null, trouble: null }));
});
