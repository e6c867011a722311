import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fontOf } from '../timeline/bar-drawing.js';
import { keyFrameOf } from '../player/timeline-pictures.js';
import { lastedText, nothingText } from '../markers/marker-list.js';
import { markersAt, spansOf } from '../markers/marker-spans.js';
import { isBlank, pictureAt } from '../markers/marker-store.js';
import { leftOf } from '../timeline/preview.js';
import { Thumbnails } from '../player/thumbnails.js';

const KEY_FRAME_MS = 1000;
const marker = (begin, end, bestAt = begin) => ({ id: 'a', kind: 'face', detected: true, text: null, count: 1, begin, end, bestAt });

test('the_key_frame_of_a_markers_picture_was_captured_while_it_lasted', () => {
  for (let begin = 5000; begin < 6000; begin += 37) {
    for (const lasted of [1000, 1001, 1500, 2400, 60_000, null]) {
      for (const best of [0, 300, 900, 1400]) {
        const end = lasted === null ? null : begin + lasted;
        const bestAt = Math.min(begin + best, end ?? Infinity);
        const frame = keyFrameOf([{ programDateTime: 0 }], pictureAt(marker(begin, end, bestAt), KEY_FRAME_MS));
        assert.ok(frame > begin - 1 && frame <= (end ?? Infinity), `${begin}..${end}: ${frame}`);
        // The best look may be so near to an end that the key frame beside it was captured without it.
        assert.ok(Math.abs(frame - bestAt) <= KEY_FRAME_MS, `${begin}..${end}, best ${bestAt}: ${frame}`);
      }
    }
  }
});

test('a_marker_too_short_for_a_key_frame_is_shown_by_the_nearest', () => {
  for (let begin = 5000; begin < 6000; begin += 37) {
    const frame = keyFrameOf([{ programDateTime: 0 }], pictureAt(marker(begin, begin), KEY_FRAME_MS));
    assert.ok(Math.abs(frame - begin) <= KEY_FRAME_MS / 2, `${begin}: ${frame}`);
  }
});

test('key_frames_stand_at_the_beginnings_of_segments_and_a_second_apart', () => {
  const segments = [524, 2524, 4524, 9100].map((programDateTime) => ({ programDateTime }));
  const check = (at, expect) => assert.equal(keyFrameOf(segments, at), expect, String(at));
  check(524, 524);
  check(1523, 524);
  check(1524, 1524);
  check(4523, 3524);
  check(9099, 8524);
  check(9100, 9100);
  check(11_200, 11_100);
  check(100, -476);
  assert.equal(keyFrameOf([], 1500), 1000);
});

test('moments_that_one_key_frame_shows_have_one_picture_and_others_have_another', async () => {
  const segments = [{ programDateTime: 524 }];
  const made = [];
  const pictures = new Thumbnails(async (at) => made.push(at), (at) => keyFrameOf(segments, at));
  assert.equal(await pictures.of(1400), await pictures.of(600));
  assert.notEqual(await pictures.of(1400), await pictures.of(1600), 'of the same second by the clock');
  assert.deepEqual(made, [1400, 1600]);
});

test('what_goes_on_is_now_only_while_somebody_sees_it', () => {
  assert.equal(lastedText(marker(1000, null), null), 'now');
  assert.equal(lastedText(marker(1000, null), 4500), '3.5 s');
  assert.equal(lastedText(marker(1000, null), 500), '');
  assert.equal(lastedText({ ...marker(1000, null), detected: false }, 4500), 'now');
  assert.equal(lastedText(marker(1000, 3000), 2000), '2 s');
  assert.equal(lastedText(marker(1000, 1000), null), '');
});

test('spans_of_what_goes_on_end_with_the_camera_but_for_those_that_others_told', () => {
  const markers = [marker(10, null), { ...marker(20, null), kind: 'door', detected: false }];
  const rows = spansOf(markers, { from: 0, to: 100 }, 100, 90, new Set(), 50);
  assert.deepEqual([...rows.values()].map(([{ left, width }]) => [left, left + width]), [[10, 50], [20, 90]]);
  assert.deepEqual(markersAt(markers, 70, 0, 90, new Set(), 50).map(({ kind }) => kind), ['door']);
});

test('an_empty_list_says_why', () => {
  assert.match(nothingText(0), /^Nothing was marked/);
  assert.match(nothingText(3), /hidden/);
});

test('a_text_of_what_nobody_sees_is_blank', () => {
  for (const text of ['', ' ', '\t\n', '\u00a0', '\u200b\u2060\ufeff', '\u00ad \u202e']) {
    assert.ok(isBlank(text), JSON.stringify(text));
  }
  for (const text of ['x', ' . ', '\u200bx', '👪', '\u0301']) {
    assert.ok(!isBlank(text), JSON.stringify(text));
  }
});

test('a_preview_stands_above_its_pointer_and_within_the_bar', () => {
  assert.equal(leftOf(500, 200, 1000), 400);
  assert.equal(leftOf(20, 200, 1000), 0);
  assert.equal(leftOf(20, 30, 1000), 5);
  assert.equal(leftOf(990, 200, 1000), 800);
  assert.equal(leftOf(50, 200, 100), 0, 'a box wider than its bar');
});

test('a_canvas_gets_the_font_of_the_style_whatever_the_shorthand_can_say', () => {
  const style = { font: '', fontStyle: 'normal', fontWeight: '400', fontSize: '12px', fontFamily: 'system-ui, sans-serif' };
  assert.equal(fontOf(style), 'normal 400 12px system-ui, sans-serif');
});
