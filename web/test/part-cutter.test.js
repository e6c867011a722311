import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PartCutter } from '../player/part-cutter.js';

const word = (value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const box = (name, body) => [...word(8 + body.length), ...Buffer.from(name), ...body];
const full = (name, flags, words) => box(name, [flags, ...words].flatMap(word));

/** A part of two samples. `tfhd` and `trun` are flags and words. */
function part({ tfhd = [0x28, 1, 3000, 0x10000], trun = [0x205, 2, 100, 0x2000000, 5, 6], before = [], data = [1, 2, 3] } = {}) {
  const traf = box('traf', [...full('tfhd', tfhd[0], tfhd.slice(1)), ...full('tfdt', 0x1000000, [0, 0]), ...full('trun', trun[0], trun.slice(1))]);
  return Uint8Array.from([...before, ...box('moof', [...full('mfhd', 0, [1]), ...traf]), ...box('mdat', data)]);
}

function check(parts, step, expected) {
  const bytes = Buffer.concat(parts);
  const cutter = new PartCutter();
  const cuts = [];
  for (let at = 0; at < bytes.length; at += step) {
    cuts.push(...cutter.push(new Uint8Array(bytes.subarray(at, at + step))));
  }
  assert.deepEqual(cuts.map(({ ticks, independent }) => ({ ticks, independent })), expected);
  assert.deepEqual(cuts.map(({ bytes: cut }) => [...cut]), parts.map((each) => [...each]), 'not a byte is lost or moved');
}

test('parts_are_cut_whatever_the_pieces_that_they_come_in', () => {
  const first = part({ before: box('styp', [...Buffer.from('msdh')]) });
  const other = part({ trun: [0x1, 2, 100] });
  const expected = [{ ticks: 6000, independent: true }, { ticks: 6000, independent: false }];
  for (const step of [1, 7, 64, 10_000]) {
    check([first, other], step, expected);
  }
});

test('length_and_independence_are_read_from_wherever_they_stand', () => {
  check([part({ tfhd: [0, 1], trun: [0x701, 2, 100, 10, 5, 0x2000000, 20, 6, 0x10000] })], 50, [{ ticks: 30, independent: true }]);
  check([part({ tfhd: [0x3b, 1, 0, 0, 1, 7, 99, 0x10000], trun: [0x800, 3, 1, 2, 3] })], 50, [{ ticks: 21, independent: false }]);
});

test('what_are_no_boxes_is_refused', () => {
  for (const bytes of [[0, 0, 0, 1, 1, 1, 1, 1], [255, 255, 255, 255, 1, 1, 1, 1], box('moof', []), box('moof', box('traf', []))]) {
    assert.throws(() => new PartCutter().push(Uint8Array.from(bytes)));
  }
});
