// What a browser that is a camera says, chooses and leaves out.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginText, frameMessage, heardFrom, helloText } from '../send/messages.js';
import { FrameGate, StallWatch, fileStep } from '../send/pressure.js';
import { afterEnd, cameraError, obstacle, sentenceFor, tokenError } from '../send/sentences.js';
import { avcCodec, bitrateFor, chooseFile, chooseFrames, waysOf } from '../send/ways.js';

const VGA = { width: 640, height: 480, fps: 30 };

test('messages_are_those_that_the_server_reads', () => {
  const begin = { way: 'frames', type: 'avc1.42e01f', fps: 30 };
  assert.equal(helloText({ token: 't', page: 'p', takeOver: true, begin }),
    '{"token":"t","page":"p","take_over":true,"begin":{"way":"frames","type":"avc1.42e01f","fps":30}}');
  assert.equal(beginText(begin), '{"begin":{"way":"frames","type":"avc1.42e01f","fps":30}}');
  const frame = (stampUs, key) => [...frameMessage({ stampUs, key, length: 2, copyTo: (to) => to.set([9, 8]) })];
  assert.deepEqual(frame(100_000, true), [1, 0, 0, 0, 0, 0, 1, 0x86, 0xa0, 9, 8]);
  assert.deepEqual(frame(-1, false), [0, 255, 255, 255, 255, 255, 255, 255, 255, 9, 8]);
});

test('what_the_server_says_is_understood_or_passed_over', () => {
  const check = (data, expect) => assert.deepEqual(heardFrom(data), expect, String(data));
  check('{"accepted":true}', { kind: 'accepted' });
  check('{"shown":true}', { kind: 'shown' });
  check('{"key":true}', { kind: 'key' });
  check('{"end":"taken","why":"anna has taken over"}', { kind: 'end', word: 'taken', why: 'anna has taken over' });
  check('{"end":"new"}', { kind: 'end', word: 'new', why: '' });
  check('{"accepted":1}', null);
  check('null', null);
  check('no JSON', null);
  check(new ArrayBuffer(1), null);
});

test('the_best_that_the_browser_can_do_is_chosen', async () => {
  assert.equal(avcCodec(VGA), 'avc1.42e01e');
  assert.equal(avcCodec({ width: 1280, height: 720, fps: 30 }), 'avc1.42e01f');
  assert.equal(avcCodec({ width: 1080, height: 1920, fps: 30 }), 'avc1.42e028');
  assert.equal(avcCodec({ width: 3840, height: 2160, fps: 60 }), 'avc1.42e034');
  assert.deepEqual([bitrateFor({ width: 64, height: 48, fps: 1 }), bitrateFor(VGA), bitrateFor({ width: 3840, height: 2160, fps: 60 })], [500_000, 737_280, 8_000_000]);
  const chosen = (can) => chooseFrames({ width: 641, height: 481, fps: 30 }, can);
  const first = await chosen(async () => true);
  assert.deepEqual([first?.codec, first?.width, first?.height, first?.avc], ['avc1.42e01e', 640, 480, { format: 'annexb' }]);
  assert.equal((await chosen(async ({ codec }) => codec === 'vp8'))?.codec, 'vp8');
  assert.equal((await chosen(async ({ codec }) => (codec.startsWith('avc1') ? Promise.reject(new TypeError()) : codec.startsWith('vp09'))))?.codec, 'vp09.00.41.08');
  assert.equal(await chosen(async () => false), null);
  assert.equal(chooseFile((type) => type.includes('vp8')), 'video/webm;codecs=vp8');
  assert.equal(chooseFile((type) => type.startsWith('video/mp4')), 'video/mp4;codecs=avc1.42E01F');
  assert.equal(chooseFile(() => false), null);
});

test('ways_are_tried_in_order_or_as_asked', () => {
  const check = (asked, frames, file, expect) => assert.deepEqual(waysOf(asked, { frames, file }), expect);
  check('', true, true, ['frames', 'file']);
  check('', false, true, ['file']);
  check('file', true, true, ['file']);
  check('frames', false, true, []);
  check('unknown', true, true, ['frames', 'file']);
});

test('a_network_that_takes_nothing_gets_less_and_never_piles_up', () => {
  const gate = new FrameGate(800_000);
  assert.equal(gate.takes({ buffered: 0, encoding: 0 }), true);
  assert.equal(gate.takes({ buffered: 0, encoding: 3 }), false, 'the encoder is behind');
  assert.equal(gate.takes({ buffered: 100_001, encoding: 0 }), false, 'the network is behind');
  assert.equal(gate.sends({ buffered: 100_001, key: false }), true, 'what was coded is sent');
  assert.equal(gate.sends({ buffered: 300_001, key: false }), false);
  assert.equal(gate.wantsKey, true);
  assert.equal(gate.sends({ buffered: 0, key: false }), false, 'it refers to what is missing');
  assert.equal(gate.sends({ buffered: 0, key: true }), true);
  assert.equal(gate.sends({ buffered: 0, key: false }), true);
  assert.deepEqual([gate.wantsKey, gate.leftOut], [false, 4]);
});

test('a_recording_breaks_off_and_begins_anew_when_its_pieces_are_gone', () => {
  const step = (buffered, brokenOff) => fileStep({ buffered, bitrate: 4_000_000, brokenOff });
  assert.equal(step(1_000_000, false), 'go-on');
  assert.equal(step(1_000_001, false), 'break-off');
  assert.equal(step(500_000, true), 'go-on');
  assert.equal(step(20_000, true), 'begin');
});

test('a_connection_that_takes_nothing_for_five_seconds_has_stalled', () => {
  const watch = new StallWatch();
  const seen = [[0, 0], [900, 1000], [1000, 3000], [1000, 5900], [1000, 6100]].map(([buffered, now]) => watch.stalls({ buffered, now }));
  assert.deepEqual(seen, [false, false, false, false, true]);
  assert.equal(watch.stalls({ buffered: 800, now: 7000 }), false, 'something went out');
  assert.equal(watch.stalls({ buffered: 0, now: 20_000 }), false);
  assert.equal(watch.stalls({ buffered: 100, now: 20_500 }), false);
});

test('each_trouble_is_one_clear_sentence', () => {
  const has = { secure: true, devices: true, ways: 1, asked: '' };
  assert.equal(obstacle(has), null);
  assert.match(obstacle({ ...has, secure: false, devices: false }) ?? '', /--tls .*http:\/\/localhost/);
  assert.match(obstacle({ ...has, devices: false }) ?? '', /gives pages no camera/);
  assert.match(obstacle({ ...has, ways: 0 }) ?? '', /cannot encode video/);
  assert.match(obstacle({ ...has, ways: 0, asked: 'frames' }) ?? '', /cannot send by WebCodecs/);
  assert.match(cameraError('NotAllowedError'), /not allowed for this page/);
  assert.match(cameraError('NotFoundError'), /no camera on this device/);
  assert.match(cameraError('NotReadableError'), /another program/);
  assert.match(cameraError('OverconstrainedError'), /another size/);
  assert.equal(cameraError('NewError'), 'The camera cannot be opened (NewError).');
  assert.match(tokenError(403, 'x'), /role operator/);
  assert.equal(tokenError(409, 'no browser can send to cam\n'), 'no browser can send to cam');
  assert.equal(sentenceFor('shown'), 'Live: viewers see this picture.');
  assert.match(sentenceFor('shown', { hidden: true }), /in the background/);
  assert.equal(sentenceFor('occupied', { why: 'anna sends', hidden: true }), 'anna sends');
  const after = Object.fromEntries(['occupied', 'taken', 'slow', 'bad', 'role'].map((word) => [word, afterEnd(word)]));
  assert.deepEqual(after, {
    occupied: { state: 'occupied', retries: false }, taken: { state: 'occupied', retries: false }, slow: { state: 'lost', retries: true },
    bad: { state: 'refused', retries: false }, role: { state: 'refused', retries: false },
  });
});
