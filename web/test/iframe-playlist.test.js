import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { codecOf, keyFrameAt, keyFramesOf } from '../player/iframe-playlist.js';

const BASE = 'http://a/cam/iframes.m3u8';
const at = (text) => Date.parse(text);

test('key_frames_have_their_dates_ranges_and_init_segments', () => {
  const list = '#EXTM3U\n#EXT-X-MAP:URI="init-r-1.mp4"\n#EXT-X-PROGRAM-DATE-TIME:2026-11-20T16:19:15.000Z\n#EXTINF:1.00000,\n#EXT-X-BYTERANGE:25@0\nseg-r-4.m4s\n'
    + '#EXTINF:1.00000,\n#EXT-X-BYTERANGE:30@700\nseg-r-4.m4s\n';
  const frame = { url: 'http://a/cam/seg-r-4.m4s', initUrl: 'http://a/cam/init-r-1.mp4' };
  assert.deepEqual(keyFramesOf(list, BASE), [
    { key: 'http://a/cam/seg-r-4.m4s@0', from: 0, length: 25, capturedMs: at('2026-11-20T16:19:15.000Z'), ...frame },
    { key: 'http://a/cam/seg-r-4.m4s@700', from: 700, length: 30, capturedMs: at('2026-11-20T16:19:16.000Z'), ...frame },
  ]);
  assert.deepEqual(keyFramesOf('#EXTM3U\n#EXT-X-MAP:URI="init-r-1.mp4"\n', BASE), []);
  assert.deepEqual(keyFramesOf('<html>', BASE), [], 'something else answered');
});

test('the_servers_own_lists_are_read', () => {
  const text = readFileSync(new URL('../../tests/golden/discontinuity_iframes.m3u8', import.meta.url), 'utf8');
  const frames = keyFramesOf(text, BASE);
  assert.equal(frames.length, text.split('\n').filter((line) => line.startsWith('seg-')).length);
  assert.equal(new Set(frames.map(({ initUrl }) => initUrl)).size, 2, 'a discontinuity has its own init segment');
});

test('a_moment_is_shown_by_the_last_key_frame_before_it', () => {
  const frames = [1000, 2000, 5000].map((capturedMs) => ({ key: String(capturedMs), url: '', from: 0, length: 1, initUrl: '', capturedMs }));
  const check = (moment, expect) => assert.equal(keyFrameAt(frames, moment)?.capturedMs ?? null, expect, String(moment));
  check(999, null);
  check(1000, 1000);
  check(1999, 1000);
  check(4999, 2000);
  check(9000, 5000);
  assert.equal(keyFrameAt([], 1000), null);
});

test('the_codec_is_that_of_the_init_segment', () => {
  const record = [1, 0x64, 0x00, 0x16, 0xff];
  const init = new Uint8Array([0, 0, 0, 0, ...Buffer.from('avc1....avcC'), ...record]);
  assert.equal(codecOf(init), 'avc1.640016');
  assert.equal(codecOf(init.subarray(0, 18)), null, 'cut off');
  assert.equal(codecOf(new Uint8Array(0)), null);
});
