import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAnotherRun, playlistFacts, runOf } from '../player/playlist-facts.js';
import { waitMs } from '../shell/retry.js';

test('waits_grow_from_half_a_second_to_three_and_stay_there', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 100, Infinity].map(waitMs), [500, 1000, 2000, 3000, 3000, 3000, 3000]);
});

/** @type {[string, string, import('../player/playlist-facts.js').PlaylistFacts][]} */
const PLAYLISTS = [
  ['multivariant', '#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH=1\n\n# note\nvideo.m3u8\n', { valid: true, ended: false, child: 'video.m3u8' }],
  ['media', '#EXTM3U\r\n#EXT-X-TARGETDURATION:2\r\n#EXTINF:2.0,\r\n1.m4s\r\n', { valid: true, ended: false, child: null }],
  ['one part so far', '#EXTM3U\n#EXT-X-PART:DURATION=0.2,URI="1.0.m4s"\n', { valid: true, ended: false, child: null }],
  ['ended', '#EXTM3U\n#EXTINF:2.0,\n1.m4s\n#EXT-X-ENDLIST\n', { valid: true, ended: true, child: null }],
  ['empty so far', '#EXTM3U\n#EXT-X-TARGETDURATION:2\n', { valid: false, ended: false, child: null }],
  ['variant without an address', '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n', { valid: false, ended: false, child: null }],
  ['a page of somebody else', '<!doctype html>', { valid: false, ended: false, child: null }],
  ['nothing', '', { valid: false, ended: false, child: null }],
];
for (const [name, text, facts] of PLAYLISTS) {
  test(`playlist: ${name}`, () => assert.deepEqual(playlistFacts(text), facts));
}

const DATE = Date.parse('2026-11-20T14:00:00Z');
/** @param {number} first @param {number} last @param {number} shift */
const listed = (first, last, shift = 0) =>
  Array.from({ length: last - first + 1 }, (_, i) => ({ number: first + i, date: DATE + (first + i) * 2000 + shift }));

/** @param {import('../player/playlist-facts.js').Listed[]} segments @param {string} run */
const named = (segments, run) => segments.map((segment) => ({ ...segment, run }));

/** @type {[string, import('../player/playlist-facts.js').Listed[], import('../player/playlist-facts.js').Listed[], boolean][]} */
const RUNS = [
  ['the first playlist', [], listed(1, 3), false],
  ['one segment on', listed(1, 3), listed(2, 4), false],
  ['the same again', listed(1, 3), listed(1, 3), false],
  ['an older copy from a cache', listed(1, 4), listed(1, 3), false],
  ['numbers start over', listed(40, 60), listed(1, 2, 500_000), true],
  ['numbers start over and have caught up', listed(1, 3), listed(1, 5, 9000), true],
  ['dates rounded otherwise', listed(1, 3), listed(1, 4, 1), false],
  ['no dates', [{ number: 3, date: null }], [{ number: 3, date: null }, { number: 4, date: null }], false],
  ['everything moved on while asleep', listed(1, 3), listed(90, 95), false],
  ['numbers that grew from run to run', named(listed(1, 3), 'a'), named(listed(90, 95), 'b'), true],
  ['numbers that grew within a run', named(listed(1, 3), 'a'), named(listed(90, 95), 'a'), false],
  ['an empty one', listed(1, 3), [], false],
];
for (const [name, before, after, another] of RUNS) {
  const last = before.at(-1) ?? null;
  const same = after.find(({ number }) => number === last?.number) ?? null;
  test(`run: ${name}`, () => assert.equal(isAnotherRun(last, after.at(-1) ?? null, same), another));
}

test('the run is read from the names of segments', () => {
  const names = ['seg-3k9z-17.m4s', 'http://host/cam/seg-3k9z-17.m4s?token=1', 'part-3k9z-17.0.m4s', 'seg-a.m4s', ''];
  assert.deepEqual(names.map(runOf), ['3k9z', '3k9z', null, null, null]);
});
