import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Taps } from '../timeline/double-tap.js';
import { KEPT_MAX, Thumbnails } from '../player/thumbnails.js';

/** Thumbnails whose making is finished by hand, one after another. */
function byHand() {
  const making = [];
  const thumbnails = new Thumbnails((at) => new Promise((resolve, reject) => making.push({ at, resolve, reject })));
  const finish = async (picture) => {
    making.at(-1).resolve(picture);
    await new Promise(setImmediate);
  };
  return { thumbnails, making, finish };
}

test('one_picture_is_made_at_a_time_and_the_last_wish_comes_first', async () => {
  const { thumbnails, making, finish } = byHand();
  const got = [];
  for (const at of [1000, 2000, 3000]) {
    void thumbnails.of(at).then((picture) => got.push([at, picture]));
  }
  assert.deepEqual(making.map(({ at }) => at), [1000]);
  await finish('a');
  await finish('c');
  await finish('b');
  assert.deepEqual(making.map(({ at }) => at), [1000, 3000, 2000]);
  assert.deepEqual(got, [[1000, 'a'], [3000, 'c'], [2000, 'b']]);
});

test('a_picture_is_made_once_per_second_of_the_stream', async () => {
  const { thumbnails, making, finish } = byHand();
  const both = Promise.all([thumbnails.of(500), thumbnails.of(5000), thumbnails.of(5900)]);
  await finish('first');
  await finish('second');
  assert.deepEqual(await both, ['first', 'second', 'second']);
  assert.equal(await thumbnails.of(5100), 'second');
  assert.equal(making.length, 2);
});

test('what_failed_is_tried_again_when_it_is_wanted_again', async () => {
  const { thumbnails, making } = byHand();
  const first = thumbnails.of(1000);
  making[0].reject(new Error('decoder'));
  assert.equal(await first, null);
  await new Promise(setImmediate);
  const second = thumbnails.of(1000);
  making[1].resolve('there');
  assert.equal(await second, 'there');
});

test('the_pictures_kept_are_bounded_and_the_longest_unused_goes', async () => {
  const thumbnails = new Thumbnails(async (at) => `picture ${at}`);
  for (let n = 0; n < KEPT_MAX; n += 1) {
    await thumbnails.of(n * 1000);
  }
  assert.equal(thumbnails.kept(0), 'picture 0');
  await thumbnails.of(KEPT_MAX * 1000);
  assert.equal(thumbnails.kept(0), 'picture 0', 'used last');
  assert.equal(thumbnails.kept(1000), null, 'longest unused');
});

test('a_wish_that_too_many_came_after_is_given_up', async () => {
  const { thumbnails, finish } = byHand();
  const wishes = Array.from({ length: 43 }, (_, n) => thumbnails.of(n * 1000));
  assert.equal(await wishes[1], null);
  assert.equal(await wishes[2], null);
  await finish('made');
  assert.equal(await wishes[0], 'made', 'was under way');
});

test('a_double_tap_is_two_taps_soon_and_near', () => {
  const taps = new Taps();
  assert.equal(taps.isDouble({ at: 0, x: 10, y: 10 }), false);
  assert.equal(taps.isDouble({ at: 250, x: 30, y: 20 }), true);
  assert.equal(taps.isDouble({ at: 500, x: 30, y: 20 }), true, 'another ten seconds');
  assert.equal(taps.isDouble({ at: 900, x: 30, y: 20 }), false, 'too late');
  assert.equal(taps.isDouble({ at: 1000, x: 300, y: 20 }), false, 'elsewhere');
});
