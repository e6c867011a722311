import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationText, fileNameOf, linkTo, momentOf } from '../moment.js';

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
