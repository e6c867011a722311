import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationText } from '../shell/clock.js';
import { fileNameOf, linkTo, meansMoment, momentOf, withoutMoment } from '../timeline/moment.js';

const AT = Date.parse('2026-11-24T05:51:55.123Z');

test('a_link_to_a_moment_leads_back_to_it', () => {
  const link = linkTo('http://camera.local/sub/path/?kiosk#t=2020-01-01T00:00:00Z', AT);
  assert.equal(link, 'http://camera.local/sub/path/?kiosk#t=2026-11-24T05:51:55.123Z');
  assert.equal(momentOf(new URL(link).hash), AT);
});

test('only_a_full_time_with_its_zone_is_a_moment', () => {
  const check = (hash, expect) => assert.equal(momentOf(hash), expect, hash);
  check('#t=2026-11-24T05:51:55.123Z', AT);
  check('#t=2026-11-24T06:51:55.123+01:00', AT);
  check('#t=2026-11-24T06%3A51%3A55.123%2B01%3A00', AT);
  check('#t=2026-11-24T05:51Z', Date.parse('2026-11-24T05:51:00Z'));
  check('#x=1&t=2026-11-24T05:51:55.123Z', AT);
  check('', null);
  check('#t=', null);
  check('#t=5', null);
  check('#t=2026-11-24', null);
  check('#t=2026-11-24T05:51:55', null);
  check('#t=2026-13-24T05:51:55Z', null);
  check('#time', null);
});

test('a_day_that_no_month_has_is_no_moment', () => {
  const check = (hash, expect) => assert.equal(momentOf(hash), expect, hash);
  check('#t=2026-02-30T05:51:55Z', null);
  check('#t=2026-02-29T05:51:55Z', null);
  check('#t=2028-02-29T05:51:55Z', Date.parse('2028-02-29T05:51:55Z'));
  check('#t=2026-04-31T05:51:55+02:00', null);
  check('#t=2026-11-00T05:51:55Z', null);
  check('#t=2026-11-24T25:00:00Z', null);
  check('#t=2026-11-24T05:60:00Z', null);
  check('#t=2026-11-24T05:51:55+99:99', null);
});

test('a_link_that_names_something_else_than_a_moment_is_told_from_one_without', () => {
  for (const hash of ['#t=', '#t=5', '#t=yesterday', '#x=1&t=2026-02-30T05:51:55Z']) {
    assert.equal(meansMoment(hash), true, hash);
  }
  for (const hash of ['', '#', '#time', '#x=1']) {
    assert.equal(meansMoment(hash), false, hash);
  }
});

test('a_moment_is_taken_out_of_an_address_and_nothing_else', () => {
  const check = (page, expect) => assert.equal(withoutMoment(page), expect);
  check('http://camera.local/sub/?player=dash#t=2026-11-24T05:51:55Z', 'http://camera.local/sub/?player=dash');
  check('http://camera.local/#x=1&t=2026-11-24T05:51:55Z', 'http://camera.local/#x=1');
  check('http://camera.local/#t=rubbish', 'http://camera.local/');
  check('http://camera.local/#somewhere', 'http://camera.local/#somewhere');
});

test('a_file_is_named_by_its_moment_without_colons', () => assert.equal(fileNameOf(AT, 'png'), 'hlscam-2026-11-24T05-51-55.123Z.png'));

test('lengths_are_written_as_people_say_them', () => {
  const check = (ms, expect) => assert.equal(durationText(ms), expect);
  check(-5, '0 s');
  check(400, '0.4 s');
  check(2000, '2 s');
  check(9960, '10 s');
  check(59_600, '1 min');
  check(61_000, '1 min 1 s');
  check(3_600_000, '1 h');
  check(3_600_000 + 23 * 60_000, '1 h 23 min');
});
