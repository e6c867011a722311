import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STATES, UNKNOWN_SOURCE, badgeFor, detailsOf, isUnprotected, seenUntil, sentenceFor, sourceOf, stateOf } from '../shell/state.js';

/** @type {import('../shell/state.js').Facts} */
const LIVE = { contact: 'heard', source: UNKNOWN_SOURCE, stream: 'shown', moving: true, paused: false, following: true };
const source = (/** @type {import('../shell/state.js').Source['state']} */ state) => ({ ...UNKNOWN_SOURCE, state });

/** @type {[string, Partial<import('../shell/state.js').Facts>, import('../shell/state.js').State][]} */
const CASES = [
  ['all well', {}, 'live'],
  ['all well, and the server says so', { source: source('live') }, 'live'],
  ['nothing heard yet', { contact: 'none', stream: 'none', moving: false }, 'connecting'],
  ['server there, stream not yet', { stream: 'none', moving: false }, 'starting'],
  ['picture stands still', { moving: false }, 'starting'],
  ['watching the past', { following: false }, 'behind'],
  ['paused by the user', { paused: true, moving: false }, 'paused'],
  ['paused in the past', { paused: true, moving: false, following: false }, 'paused'],
  ['the browser wants a click before it plays', { stream: 'none', paused: true, moving: false }, 'paused'],
  ['pictures now and then instead of the stream', { stills: true, stream: 'none', moving: false }, 'stills'],
  ['camera gone while pictures come now and then', { stills: true, source: source('lost'), moving: false }, 'camera-lost'],
  ['camera gone, its slate plays', { source: source('lost') }, 'camera-lost'],
  ['camera gone before the first picture', { source: source('lost'), stream: 'none', moving: false }, 'camera-lost'],
  ['camera gone while the past is watched', { source: source('lost'), following: false }, 'behind'],
  ['camera gone while paused', { source: source('lost'), paused: true, moving: false }, 'paused'],
  ['server gone', { contact: 'lost', moving: false }, 'unreachable'],
  ['server gone, buffer still plays', { contact: 'lost' }, 'unreachable'],
  ['server never there', { contact: 'lost', stream: 'none', moving: false }, 'unreachable'],
  ['server gone after the camera', { contact: 'lost', source: source('lost'), moving: false }, 'unreachable'],
  ['ended', { stream: 'ended', moving: false }, 'ended'],
  ['ended, and then the server left', { stream: 'ended', contact: 'lost', moving: false }, 'ended'],
  ['ended while the past is watched', { stream: 'ended', following: false }, 'behind'],
  ['the server says that it ended', { source: source('ended'), moving: false }, 'ended'],
  ['a former end does not hide that the server is gone', { source: source('ended'), contact: 'lost', moving: false }, 'unreachable'],
];

for (const [name, change, expected] of CASES) {
  test(`state: ${name}`, () => assert.equal(stateOf({ ...LIVE, ...change }), expected));
}

test('any_combination_of_facts_gives_a_state_of_the_set_with_one_sentence', () => {
  let count = 0;
  for (const contact of /** @type {const} */ (['none', 'heard', 'lost'])) {
    for (const of of /** @type {const} */ (['live', 'lost', 'ended', 'unknown'])) {
      for (const stream of /** @type {const} */ (['none', 'shown', 'ended'])) {
        for (let bits = 0; bits < 8; bits += 1) {
          const facts = { contact, source: source(of), stream, moving: !!(bits & 1), paused: !!(bits & 2), following: !!(bits & 4) };
          const state = stateOf(facts);
          assert.ok(STATES.includes(state));
          assert.match(sentenceFor(state, null, String), /^[A-Z][^.]*\.$/);
          count += 1;
        }
      }
    }
  }
  assert.equal(count, 288);
});

test('live_is_said_only_of_a_moving_picture_from_a_server_that_answers', () => {
  for (const change of [{ contact: 'lost' }, { contact: 'none' }, { moving: false }, { paused: true }, { following: false }, { stream: 'none' }]) {
    assert.notEqual(stateOf(/** @type {any} */ ({ ...LIVE, ...change })), 'live', JSON.stringify(change));
  }
});

test('the_badge_says_live_of_a_picture_that_is_known_to_be_new_and_of_no_other', () => {
  assert.deepEqual(badgeFor('live', 500), { word: 'Live', late: false });
  assert.deepEqual(badgeFor('live', 3000), { word: 'Live', late: false });
  for (const ms of [3001, 8000, 3_600_000]) {
    assert.deepEqual(badgeFor('live', ms), { word: 'Late', late: true }, String(ms));
  }
  assert.deepEqual(badgeFor('live', null), { word: 'Playing', late: false });
  for (const state of STATES.filter((one) => one !== 'live')) {
    for (const ms of [null, 500, 8000]) {
      assert.doesNotMatch(badgeFor(state, ms).word, /^(live|late|playing)$/i);
      assert.equal(badgeFor(state, ms).late, false);
    }
  }
  assert.equal(sentenceFor('live', null, String, { late: true }), 'The picture comes late.');
  assert.equal(sentenceFor('live', null, String, { late: true, thin: true }), 'The link is too thin for the stream.');
  assert.equal(sentenceFor('starting', null, String, { thin: true }), 'The link is too thin for the stream.');
  assert.equal(sentenceFor('starting', null, String, { opening: true }), 'The camera is being opened.');
});

test('what_goes_on_was_seen_until_the_camera_went_and_no_longer', () => {
  const now = 1_000_000;
  const until = (change) => seenUntil({ ...LIVE, ...change }, now);
  assert.equal(until({}), null);
  assert.equal(until({ source: source('live') }), null);
  assert.equal(until({ source: { ...source('lost'), since: new Date(now - 5000) } }), now - 5000);
  assert.equal(until({ source: { ...source('lost'), since: new Date(now + 5000) } }), now, 'a server whose clock was set');
  assert.equal(until({ source: source('lost') }), now);
  assert.equal(until({ source: source('ended') }), now);
  assert.equal(until({ source: source('asleep') }), now);
  assert.equal(until({ contact: 'lost' }), now, 'nobody tells any more');
});

test('faces_are_not_counted_while_the_camera_is_gone', () => {
  const status = (state) => ({ source: { state }, viewers: 1, detection: { faces: 2 } });
  assert.deepEqual(detailsOf(status('live')), ['2 faces', '1 viewer']);
  assert.deepEqual(detailsOf(status('lost')), ['1 viewer']);
  assert.deepEqual(detailsOf(status('ended')), ['1 viewer']);
});

test('the_sentence_of_a_lost_camera_tells_since_when', () => {
  const since = new Date('2026-11-20T14:03:12Z');
  const sentence = sentenceFor('camera-lost', since, (date) => date.toISOString().slice(11, 19));
  assert.equal(sentence, 'The camera has been gone since 14:03:12; its picture returns by itself.');
});

test('status_is_read_field_by_field_and_anything_odd_counts_as_not_told', () => {
  const since = '2026-11-20T14:03:12.000Z';
  assert.deepEqual(sourceOf({ source: { state: 'live', silent_since: null, name: 'C920' } }), { state: 'live', since: null, name: 'C920' });
  assert.deepEqual(sourceOf({ source: { state: 'silent', silent_since: since } }), { state: 'lost', since: new Date(since), name: '' });
  assert.equal(sourceOf({ source: { state: 'lost' } }).state, 'lost');
  assert.equal(sourceOf({ source: { state: 'asleep' } }).state, 'asleep');
  for (const odd of [null, undefined, 7, 'text', [], {}, { source: null }, { source: { state: 3, name: {}, silent_since: 'soon' } }]) {
    assert.deepEqual(sourceOf(odd), UNKNOWN_SOURCE);
    assert.deepEqual(detailsOf(odd), []);
    assert.equal(isUnprotected(odd, '10.0.0.7'), false);
  }
});

test('details_count_in_words', () => {
  assert.deepEqual(detailsOf({ viewers: 1, detection: { faces: 2 } }), ['2 faces', '1 viewer']);
  assert.deepEqual(detailsOf({ viewers: 0 }), ['0 viewers']);
});

test('a_camera_that_delivers_less_than_its_rate_is_named_while_it_is_live', () => {
  const slow = (/** @type {string} */ state, /** @type {unknown} */ fps) => detailsOf({ source: { state, fps: 30, slow_fps: fps } });
  assert.deepEqual(slow('live', 14.9), ['camera delivers 15 of 30 fps']);
  assert.deepEqual(slow('live', null), []);
  assert.deepEqual(slow('lost', 14.9), []);
});

test('only_a_server_that_says_so_is_called_unprotected_and_only_on_a_network', () => {
  for (const host of ['192.168.1.20', 'camera.lan', '[fd00::1]', '127.example.org']) {
    assert.equal(isUnprotected({ protected: false }, host), true, host);
    assert.equal(isUnprotected({ protected: true }, host), false, host);
  }
  for (const host of ['localhost', '127.0.0.1', '127.0.1.1', '[::1]']) {
    assert.equal(isUnprotected({ protected: false }, host), false, host);
  }
});
