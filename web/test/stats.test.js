import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameMeter, statsRows } from '../shell/stats.js';

/** @type {import('../shell/stats.js').Playback} */
const PLAYBACK = { latencyMs: 455.4, bufferS: 0.312, leadS: 0.2, rate: 1, fps: 29.97, dropped: 3, frames: 900, width: 640, height: 480, engine: 'hls.js' };
const STATUS = {
  version: '0.1.0',
  viewers: 2,
  window: { average_bps: 2_012_345 },
  encoder: { name: 'libx264', load: 0.213 },
  detection: { fps: 10, took_ms: { p50: 7.123 } },
  latency_ms: { total: { p50: 231.6 } },
};

const text = (/** @type {Partial<import('../shell/stats.js').Playback>} */ playback, /** @type {unknown} */ status) =>
  statsRows({ ...PLAYBACK, ...playback }, status).map((row) => row.join(': '));

test('every_figure_is_written_with_its_unit', () => {
  assert.deepEqual(text({}, STATUS), [
    'Latency: 455 ms',
    'Buffer: 0.31 s (aims at 0.2 s), speed 1.00',
    'Frames: 30.0 per s, 3 of 900 dropped',
    'Picture: 640×480, hls.js',
    'Bit rate: 2.01 Mbit/s',
    'Encoder: libx264, 21 % busy',
    'Detection: 7.1 ms, 10 times per s',
    'Server delay: 232 ms',
    'Viewers: 2',
    'Version: hlscam 0.1.0',
  ]);
});

test('what_nobody_told_is_a_dash', () => {
  for (const status of [null, 'nonsense', {}, { encoder: { name: '' }, viewers: null, detection: { took_ms: 3 } }]) {
    assert.deepEqual(text({ latencyMs: null, fps: null, leadS: 0, width: 0 }, status), [
      'Latency: –', 'Buffer: 0.31 s, speed 1.00', 'Frames: – per s, 3 of 900 dropped', 'Picture: hls.js', 'Bit rate: –', 'Encoder: –',
      'Detection: –', 'Server delay: –', 'Viewers: –', 'Version: –',
    ]);
  }
});

test('a_stream_without_detection_says_so', () => {
  assert.ok(text({}, { ...STATUS, detection: { fps: 0, took_ms: { p50: 0 } } }).includes('Detection: off'));
});

test('frames_are_counted_per_second_and_a_new_player_begins_anew', () => {
  const meter = new FrameMeter();
  const seen = [[1000, 10], [1500, 25], [2500, 55], [3000, 2], [4000, 32]].map(([now, frames]) => {
    meter.sample(now, frames);
    return meter.fps;
  });
  assert.deepEqual(seen, [null, 30, 30, null, 30]);
});
