import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LivePlaylist } from '../player/live-playlist.js';

const HEAD = `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.00000,CAN-SKIP-DATERANGES=YES,PART-HOLD-BACK=0.60000
#EXT-X-PART-INF:PART-TARGET=0.20000
#EXT-X-MEDIA-SEQUENCE:1
#EXT-X-MAP:URI="init-x-1.mp4"
`;
const segment = (n, before = '') => `${before}#EXT-X-PROGRAM-DATE-TIME:2026-11-27T02:24:${String(n).padStart(2, '0')}.087Z\n#EXTINF:2.00000,\nseg-x-1-${n}.m4s\n`;
const open = (n, parts) =>
  [`#EXT-X-PROGRAM-DATE-TIME:2026-11-27T02:25:00.087Z`, ...parts.map((i) => `#EXT-X-PART:DURATION=0.20000,URI="part-x-1-${n}.${i}.m4s"${i === 0 ? ',INDEPENDENT=YES' : ''}`),
    `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part-x-1-${n}.${parts.length}.m4s"`, ''].join('\n');
const parts = (count) => Array.from({ length: count }, (_, i) => ({ duration: 0.2, independent: i % 5 === 0 }));
const segments = (count) => Array.from({ length: count }, (_, i) => i + 1);

test('a_playlist_goes_on_as_the_server_would_go_on', () => {
  const now = new LivePlaylist(HEAD + segment(1) + open(2, [0]));
  assert.equal(now.with(parts(1)), HEAD + segment(1) + open(2, [0]));
  assert.equal(now.with(parts(4)), HEAD + segment(1) + open(2, [0, 1, 2, 3]));
  assert.equal(now.with([]), HEAD + segment(1) + open(2, [0]), 'what is listed stays so');
  assert.match(now.with(parts(6)), /part-x-1-2\.5\.m4s",INDEPENDENT=YES\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part-x-1-2\.6\.m4s"\n$/);
});

test('what_comes_next_is_read_from_the_hint', () => {
  const { next, firstPartS, partsInSegment, skip } = new LivePlaylist(HEAD + segment(1) + open(2, [0, 1]));
  assert.deepEqual([next.msn, next.part, next.segmentName(2), next.segmentName(3), next.partName(7)], [2, 2, 'seg-x-1-2.m4s', 'seg-x-1-3.m4s', 'part-x-1-2.7.m4s']);
  assert.deepEqual([firstPartS, partsInSegment, skip], [0.2, 10, 'v2']);
  assert.equal(new LivePlaylist(`${HEAD + segment(1)}#EXT-X-ENDLIST\n`).next, null);
});

test('a_long_playlist_goes_on_as_a_delta', () => {
  const now = new LivePlaylist(HEAD + segments(20).map((n) => segment(n)).join('') + open(21, [0]));
  assert.equal(now.with(parts(2)), `${HEAD}#EXT-X-SKIP:SKIPPED-SEGMENTS=14\n${segments(20).slice(14).map((n) => segment(n)).join('')}${open(21, [0, 1])}`);
});

test('a_break_is_not_skipped_nor_what_is_a_delta_already', () => {
  for (const text of [
    HEAD + segments(20).map((n) => segment(n, n === 7 ? '#EXT-X-DISCONTINUITY\n' : '')).join('') + open(21, [0]),
    `${HEAD}#EXT-X-SKIP:SKIPPED-SEGMENTS=100\n${segments(20).map((n) => segment(n)).join('')}${open(121, [0])}`,
  ]) {
    assert.equal(new LivePlaylist(text).with(parts(1)), text);
  }
});
