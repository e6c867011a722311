import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveEdgeLoader } from '../player/live-edge-loader.js';

const BASE = 'http://h/cam/video.m3u8';
const asked = (msn, part) => `${BASE}?_HLS_msn=${msn}&_HLS_part=${part}&_HLS_skip=YES`;

/** A playlist whose segment `msn` has `listed` parts of ten. */
const playlist = (msn, listed) => ['#EXTM3U', '#EXT-X-TARGETDURATION:2', '#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12', '#EXT-X-PART-INF:PART-TARGET=0.20000',
  '#EXTINF:2.00000,', `seg-x-${msn - 1}.m4s`, ...Array.from({ length: listed }, (_, i) => `#EXT-X-PART:DURATION=0.20000,URI="part-x-${msn}.${i}.m4s"`),
  `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part-x-${msn}.${listed}.m4s"`, ''].join('\n');

const word = (value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const box = (name, body) => [...word(8 + body.length), ...Buffer.from(name), ...body];
const traf = box('traf', [...box('tfhd', [0x28, 1, 3000, 0x10000].flatMap(word)), ...box('trun', [0, 6].flatMap(word))]);
/** Part `n`, of 18,000 ticks, as bytes. */
const part = (n) => Uint8Array.from([...box('moof', traf), ...box('mdat', [n])]);

/** A server whose answers the test gives by hand. */
function start() {
  const requests = new Map();
  const state = { now: 0, opened: [] };
  const open = (url, hooks) => {
    const name = url.replace('http://h/cam/', '');
    state.opened.push(name);
    requests.set(name, hooks);
    return () => requests.delete(name) && state.opened.push(`cancelled ${name}`);
  };
  const feed = new LiveEdgeLoader(open, () => state.now);
  const to = (name) => requests.get(name) ?? assert.fail(`${name} is not under way, but ${[...requests.keys()]}`);
  return { feed, state, to, answer: (name, text) => (to(name).chunk(Buffer.from(text)), to(name).end()) };
}

const AHEAD = (msn) => `video.m3u8?_HLS_msn=${msn}&_HLS_part=0&_HLS_skip=YES`;
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('parts_of_a_growing_segment_are_listed_and_given_as_they_come_and_the_next_is_asked_for_ahead', async () => {
  const { feed, state, to, answer } = start();
  assert.equal(feed.playlist(asked(7, 2)), null, 'nothing is known yet');
  feed.learn(BASE, playlist(7, 2));
  assert.deepEqual(state.opened, ['seg-x-7.m4s', AHEAD(8)]);
  const [first, third] = [feed.part('http://h/cam/part-x-7.0.m4s'), feed.playlist(asked(7, 2))];
  to('seg-x-7.m4s').chunk(part(0));
  assert.deepEqual(new Uint8Array(await first), part(0));
  to('seg-x-7.m4s').chunk(part(1));
  to('seg-x-7.m4s').chunk(part(2));
  assert.equal(await third, playlist(7, 3));
  const sixth = feed.playlist(asked(7, 5));
  assert.equal(state.opened.at(-1), 'seg-x-8.m4s', 'the server holds it until it begins');
  [3, 4, 5, 6, 7, 8, 9].forEach((n) => to('seg-x-7.m4s').chunk(part(n)));
  assert.equal(await sixth, playlist(7, 10), 'all that came is listed');
  to('seg-x-7.m4s').end();
  const next = feed.playlist(asked(7, 10));
  answer(AHEAD(8), playlist(8, 1));
  assert.equal(await next, playlist(8, 1));
  assert.deepEqual(state.opened.slice(-1), [AHEAD(9)]);
  to('seg-x-8.m4s').chunk(part(0));
  to('seg-x-8.m4s').chunk(part(1));
  assert.equal(await feed.playlist(asked(8, 1)), playlist(8, 2));
  assert.deepEqual(new Uint8Array(await feed.part('http://h/cam/part-x-7.9.m4s')), part(9), 'the last one is still there');
  assert.equal(feed.part('http://h/cam/part-x-6.9.m4s'), null);
});

test('a_segment_that_ends_early_is_followed_by_the_servers_next_playlist', async () => {
  const { feed, to, answer } = start();
  feed.learn(BASE, playlist(7, 1));
  to('seg-x-7.m4s').chunk(part(0));
  const listing = feed.playlist(asked(7, 1));
  to('seg-x-7.m4s').end();
  await settled();
  answer(AHEAD(8), playlist(8, 1));
  assert.equal(await listing, playlist(8, 1));
});

test('a_segment_that_breaks_off_is_left_to_the_network_and_begun_anew', async () => {
  const { feed, state, to } = start();
  feed.learn(BASE, playlist(7, 1));
  const [listing, bytes] = [feed.playlist(asked(7, 1)), feed.part('http://h/cam/part-x-7.0.m4s')];
  to('seg-x-7.m4s').failed();
  assert.deepEqual([await listing, await bytes], [null, null]);
  feed.learn(asked(7, 1), playlist(7, 2));
  assert.equal(state.opened.filter((name) => name === 'seg-x-7.m4s').length, 2);
});

test('where_segments_are_held_back_until_they_are_whole_single_parts_are_asked_for', async () => {
  const { feed, state, answer } = start();
  feed.learn(BASE, playlist(7, 1));
  for (const msn of [8, 9]) {
    const listing = feed.playlist(asked(msn - 1, 1));
    state.now += 2000;
    answer(AHEAD(msn), playlist(msn, 1));
    assert.equal(await listing, playlist(msn, 1));
  }
  assert.equal(feed.playlist(asked(9, 1)), null);
});

test('who_does_not_watch_live_causes_no_request', async () => {
  const { feed, state } = start();
  feed.learn(BASE, playlist(7, 1));
  const listing = feed.playlist(asked(7, 1));
  feed.setWanted(false);
  assert.equal(await listing, null);
  assert.deepEqual(state.opened.slice(2).sort(), ['cancelled seg-x-7.m4s', `cancelled ${AHEAD(8)}`].sort());
  feed.learn(BASE, playlist(7, 2));
  assert.deepEqual([state.opened.length, feed.playlist(asked(7, 2))], [4, null]);
  feed.setWanted(true);
  feed.learn(BASE, playlist(7, 3));
  assert.equal(state.opened.length, 6);
});

test('an_answer_that_was_asked_for_ahead_is_not_used_when_it_is_old', async () => {
  const { feed, state, answer } = start();
  feed.learn(BASE, playlist(7, 1));
  answer(AHEAD(8), playlist(8, 1));
  await settled();
  state.now += 60_000;
  assert.equal(await feed.playlist(asked(8, 0)), null);
});
