import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INITIAL, isMoving, isPaused, streamOf } from '../player/playback.js';
import { LIVE_LAG_S, RECOVERED_MS, STUCK_MS, step } from '../player/transitions.js';

/** @typedef {import('../player/playback.js').Playback} Playback */
/** @typedef {import('../player/playback.js').PlaybackEvent} PlaybackEvent */
/** @typedef {import('../player/playback.js').Effect} Effect */

const NOW = 100_000;
/** The playhead of live playback, the edge, and the date that is shown there. */
const [POSITION, LIVE, DATE] = [50, 50.1, 1_000_000];
const WINDOW = { startMs: DATE - 40_000, endMs: DATE + 500 };
const READING = { now: NOW, position: POSITION, live: LIVE };
/** @type {Extract<PlaybackEvent, {type: 'tick'}>} */
const TICK = { type: 'tick', ...READING, date: DATE, hasPicture: true, paused: false, seeking: false, hidden: false, oldest: 10 };

/** @type {Playback} */
const LIVE_STATE = { ...INITIAL, phase: 'running', shown: true, position: POSITION - 0.1, movedAt: NOW - 100, builtAt: NOW - 20_000, expectedAt: NOW - 20_000 };
/** @type {Playback} */
const PAST = { ...LIVE_STATE, following: false, returnMs: DATE - 10_000 };
/** @type {Playback} */
const HELD = { ...LIVE_STATE, wanted: false, returnMs: DATE - 8000, pausedAt: NOW - 8000, movedAt: NOW - 8000 };
/** @type {Playback} */
const FAILED = { ...LIVE_STATE, phase: 'failed', failures: 1, search: 1 };

/** What all these events lead to. @param {Playback} state @param {PlaybackEvent[]} events */
function after(state, ...events) {
  /** @type {Effect[]} */
  const effects = [];
  for (const event of events) {
    const next = step(state, event);
    state = next.state;
    effects.push(...next.effects);
  }
  return { state, effects, does: effects.map(({ type }) => type) };
}

/** The other phases, and what each event makes of them. @type {[string, Playback, PlaybackEvent, Partial<Playback>, Effect['type'][]][]} */
const TABLE = [
  ['starts', INITIAL, { type: 'start', now: NOW }, { phase: 'starting', builtAt: NOW, expectedAt: NOW }, ['reset-latency', 'build', 'changed']],
  ['rests', LIVE_STATE, { type: 'rest' }, { phase: 'idle', shown: false }, ['destroy', 'changed']],
  ['plays once there is something', LIVE_STATE, { type: 'ready' }, {}, ['play']],
  ['holds what was held', HELD, { type: 'ready' }, {}, []],
  ['looks for something to play', LIVE_STATE, { type: 'failed' }, { phase: 'failed', failures: 1, search: 1 }, ['stop', 'search']],
  ['fails once', FAILED, { type: 'failed' }, { phase: 'failed', search: 1 }, []],
  ['is over', LIVE_STATE, { type: 'ended' }, { phase: 'ended' }, ['rate', 'search']],
  ['is over while it looks already', FAILED, { type: 'ended' }, { phase: 'ended', search: 1 }, ['rate']],
  ['looks on', FAILED, { type: 'searched', search: 1, found: false, now: NOW }, { phase: 'failed', failures: 2, search: 2 }, ['search']],
  ['builds on what was found', FAILED, { type: 'searched', search: 1, found: true, now: NOW }, { phase: 'starting', shown: false }, ['reset-latency', 'build', 'changed']],
  ['heeds no search but the last', { ...FAILED, search: 2 }, { type: 'searched', search: 1, found: true, now: NOW }, { phase: 'failed' }, []],
  ['rests although something was found', { ...FAILED, phase: 'idle' }, { type: 'searched', search: 1, found: true, now: NOW }, { phase: 'idle' }, []],
  ['waits less once the server is heard', { ...FAILED, failures: 5 }, { type: 'server-back' }, { failures: 0 }, []],
  ['goes to a moment that the archive has', LIVE_STATE, { type: 'seek-far', now: NOW, date: 5, archived: true }, { phase: 'starting', following: false, archiveMs: 5, returnMs: 5, returning: true }, ['reset-latency', 'rate', 'changed', 'reset-latency', 'build', 'changed']],
  ['goes from the archive to a moment of the playlist', { ...PAST, archiveMs: 5 }, { type: 'seek-far', now: NOW, date: DATE, archived: false }, { phase: 'starting', following: false, archiveMs: null, returnMs: DATE }, ['reset-latency', 'rate', 'changed', 'reset-latency', 'build', 'changed']],
  ['goes from the archive to live', { ...PAST, archiveMs: 5 }, { type: 'go-live', ...READING, live: Infinity }, { phase: 'starting', following: true, archiveMs: null, returnMs: null }, ['reset-latency', 'rate', 'changed', 'reset-latency', 'build', 'changed']],
  ['tries an archive again', { ...FAILED, following: false, archiveMs: 5, failures: 2 }, { type: 'searched', search: 1, found: true, now: NOW }, { phase: 'starting', archiveMs: 5 }, ['reset-latency', 'build', 'changed']],
  ['leaves an archive that cannot be played', { ...FAILED, following: false, archiveMs: 5, failures: 3 }, { type: 'searched', search: 1, found: true, now: NOW }, { phase: 'starting', archiveMs: null }, ['reset-latency', 'build', 'changed']],
  ['keeps its speed in the archive', { ...PAST, archiveMs: 5, speed: 4 }, { ...TICK, live: Infinity, date: 6 }, { following: false }, ['rate']],
  ['pauses', LIVE_STATE, { type: 'pause', now: NOW, date: DATE }, { wanted: false, pausedAt: NOW, returnMs: DATE, following: true }, ['rate', 'changed', 'pause']],
  ['pauses while it looks for something to play', FAILED, { type: 'pause', now: NOW, date: DATE }, { phase: 'failed', wanted: false, returnMs: DATE }, ['rate', 'changed', 'pause']],
  ['is paused by the keys of a keyboard', LIVE_STATE, { type: 'video-paused', now: NOW, date: DATE, meant: true }, { wanted: false }, ['rate', 'changed']],
  ['takes no pause of the browser for one of the viewer', LIVE_STATE, { type: 'video-paused', now: NOW, date: DATE, meant: false }, { wanted: true }, []],
  ['takes no pause of a broken player for one of the viewer', FAILED, { type: 'video-paused', now: NOW, date: DATE, meant: true }, { wanted: true }, []],
  ['needs a click', LIVE_STATE, { type: 'refused', refused: true }, { refused: true }, ['changed']],
  ['says nothing twice', LIVE_STATE, { type: 'refused', refused: false }, {}, []],
  ['is live again after a short pause', { ...HELD, pausedAt: NOW - 1000 }, { type: 'video-played', ...READING }, { wanted: true, following: true, returnMs: null, expectedAt: NOW }, ['reset-latency', 'rate', 'changed']],
  ['is behind after a long pause', HELD, { type: 'video-played', ...READING, live: POSITION + 8 }, { wanted: true, following: false, expectedAt: NOW }, ['reset-latency', 'rate', 'changed']],
  ['is behind after a long pause although the edge is old', HELD, { type: 'video-played', ...READING }, { following: false }, ['reset-latency', 'rate', 'changed']],
  ['is behind where the edge is far', { ...HELD, pausedAt: NOW }, { type: 'video-played', ...READING, live: POSITION + LIVE_LAG_S }, { following: false }, ['reset-latency', 'rate', 'changed']],
  ['goes live', PAST, { type: 'go-live', ...READING }, { following: true, wanted: true, speed: 1, returnMs: null, expectedAt: NOW }, ['reset-latency', 'rate', 'changed', 'seek', 'play']],
  ['goes live where no edge is known', PAST, { type: 'go-live', ...READING, live: null }, { following: true }, ['reset-latency', 'rate', 'changed', 'play']],
  ['goes to the past', LIVE_STATE, { type: 'seek', ...READING, target: 30, date: DATE - 20_000, liveWithin: 0.5 }, { following: false, returnMs: DATE - 20_000, expectedAt: NOW }, ['reset-latency', 'rate', 'changed', 'seek-past']],
  ['stays paused in the past', HELD, { type: 'seek', ...READING, target: 30, date: DATE, liveWithin: 0.5 }, { following: false, wanted: false }, ['reset-latency', 'rate', 'changed', 'seek-past']],
  ['takes the edge for live', PAST, { type: 'seek', ...READING, target: LIVE, date: DATE, liveWithin: 0.5 }, { following: true }, ['reset-latency', 'rate', 'changed', 'seek', 'play']],
  ['is not faster than live', LIVE_STATE, { type: 'speed', speed: 2 }, { speed: 1, following: true }, []],
  ['is behind once it is slower than live', LIVE_STATE, { type: 'speed', speed: 0.5 }, { speed: 0.5, following: false }, ['reset-latency', 'rate', 'changed', 'rate', 'changed']],
  ['plays the past faster', PAST, { type: 'speed', speed: 2 }, { speed: 2, following: false }, ['rate', 'changed']],
  ['is live when it is looked at again', LIVE_STATE, { type: 'resumed', ...READING }, { following: true, expectedAt: NOW }, ['reset-latency', 'rate', 'changed', 'seek', 'play']],
  ['goes on with the past when it is looked at again', PAST, { type: 'resumed', ...READING }, { following: false, expectedAt: NOW }, ['play']],
  ['stays paused when it is looked at again', HELD, { type: 'resumed', ...READING }, { wanted: false }, []],
  ['follows a stream that played to its end', PAST, { type: 'video-ended' }, { following: true }, ['reset-latency', 'rate', 'changed']],
  ['moves', LIVE_STATE, TICK, { movedAt: NOW, position: POSITION }, []],
  ['begins to run with the first movement', { ...LIVE_STATE, phase: 'starting', shown: false }, TICK, { phase: 'running', shown: true }, []],
  ['does not move by beginning somewhere', { ...LIVE_STATE, phase: 'starting', shown: false, position: -1 }, TICK, { phase: 'starting', shown: false, position: POSITION }, []],
  ['remembers the past that it shows', PAST, TICK, { returnMs: DATE }, ['rate']],
  ['remembers it while it looks for something to play', { ...FAILED, following: false }, TICK, { returnMs: DATE }, ['rate']],
  ['remembers what is held although no date is known now', HELD, { ...TICK, date: null, paused: true }, { returnMs: DATE - 8000 }, []],
  ['remembers nothing of live', LIVE_STATE, TICK, { returnMs: null }, []],
  ['has recovered', { ...LIVE_STATE, failures: 3, builtAt: NOW - RECOVERED_MS - 1 }, TICK, { failures: 0 }, []],
  ['has not recovered yet', { ...LIVE_STATE, failures: 3, builtAt: NOW - RECOVERED_MS + 1 }, TICK, { failures: 3 }, []],
  ['moves on what the window left behind', PAST, { ...TICK, oldest: POSITION + 3 }, { following: false }, ['rate', 'seek']],
  ['is live once the past has caught up', { ...PAST, speed: 2 }, TICK, { following: true, speed: 1 }, ['reset-latency', 'rate', 'changed', 'seek', 'play']],
];

for (const [name, state, event, expect, does] of TABLE) {
  test(`the_player_${name.replaceAll(' ', '_')}`, () => {
    const { state: next, does: did } = after(state, event);
    assert.deepEqual(next, { ...next, ...expect });
    assert.deepEqual(did, does);
  });
}

test('a_player_that_should_move_and_does_not_is_built_anew', () => {
  const still = { ...TICK, position: LIVE_STATE.position };
  /** @type {[string, Partial<Playback>, Partial<typeof TICK>, boolean][]} */
  const cases = [
    ['it moved just now', {}, {}, false],
    ['it stands still', { movedAt: NOW - STUCK_MS - 1 }, {}, true],
    ['it never moved', { phase: 'starting', movedAt: -Infinity, expectedAt: NOW - STUCK_MS - 1 }, {}, true],
    ['it is held', { movedAt: NOW - STUCK_MS - 1, wanted: false }, {}, false],
    ['it needs a click', { movedAt: NOW - STUCK_MS - 1, refused: true }, {}, false],
    ['nobody looks', { movedAt: NOW - STUCK_MS - 1 }, { hidden: true }, false],
    ['it is over', { phase: 'ended', movedAt: NOW - STUCK_MS - 1 }, {}, false],
    ['it rests', { phase: 'idle', movedAt: NOW - STUCK_MS - 1 }, {}, false],
  ];
  for (const [name, state, tick, failed] of cases) {
    const { does } = after({ ...LIVE_STATE, ...state }, { ...still, ...tick });
    assert.equal(does.includes('search'), failed, name);
  }
});

test('what_makes_a_player_move_gives_it_time_to_begin', () => {
  const old = { movedAt: NOW - 60_000, expectedAt: NOW - 60_000 };
  /** @type {[string, Playback, PlaybackEvent][]} */
  const cases = [
    ['play', { ...HELD, ...old }, { type: 'video-played', ...READING }],
    ['a click that the browser wanted', { ...LIVE_STATE, ...old, refused: true }, { type: 'video-played', ...READING }],
    ['live', { ...HELD, ...old }, { type: 'go-live', ...READING }],
    ['a seek', { ...PAST, ...old }, { type: 'seek', ...READING, target: 20, date: DATE, liveWithin: 0.5 }],
    ['a page that is looked at again', { ...LIVE_STATE, ...old }, { type: 'resumed', ...READING }],
    ['a new engine', { ...FAILED, ...old }, { type: 'searched', search: 1, found: true, now: NOW }],
    ['the way back to the past', { ...PAST, ...old, phase: 'starting', returning: true }, { type: 'window', window: WINDOW, now: NOW }],
  ];
  for (const [name, state, event] of cases) {
    const tick = (/** @type {number} */ ms) => ({ ...TICK, now: NOW + ms, position: state.position });
    assert.ok(!after(state, event, tick(STUCK_MS)).does.includes('stop'), name);
    assert.ok(after(state, event, tick(STUCK_MS + 1)).does.includes('stop'), `${name}: not for ever`);
  }
});

/** A failure, and the engine after it. @type {PlaybackEvent[]} */
const REBUILT = [{ type: 'failed' }, { type: 'searched', search: 1, found: true, now: NOW }];

test('the_next_engine_goes_back_to_what_was_shown_once', () => {
  for (const state of [PAST, HELD]) {
    const { state: built, does } = after(state, ...REBUILT);
    assert.equal(built.returning, true);
    assert.ok(!does.includes('seek-past'), 'nothing is known of the window yet');
    const there = after(built, { ...TICK, date: DATE }, { type: 'window', window: null, now: NOW }, { type: 'window', window: WINDOW, now: NOW });
    const seeks = there.effects.filter(({ type }) => type === 'seek-past');
    assert.deepEqual(seeks, [{ type: 'seek-past', position: null, date: state.returnMs }], 'where the engine began does not count');
    assert.equal(there.state.following, false);
    assert.deepEqual(after(there.state, { type: 'window', window: WINDOW, now: NOW }).does, [], 'once');
  }
});

test('a_past_that_is_gone_or_was_never_known_is_live', () => {
  for (const returnMs of [null, WINDOW.startMs - 1, WINDOW.endMs + 1]) {
    const { state, does } = after({ ...PAST, returnMs }, ...REBUILT, { type: 'window', window: WINDOW, now: NOW });
    assert.equal(state.following, true, String(returnMs));
    assert.ok(does.includes('past-lost'));
  }
});

test('who_watches_live_or_asks_for_it_meanwhile_is_sent_nowhere', () => {
  const live = after(LIVE_STATE, ...REBUILT, { type: 'window', window: WINDOW, now: NOW });
  assert.ok(!live.does.includes('seek-past') && !live.does.includes('past-lost'));
  const asked = after(HELD, ...REBUILT, { type: 'go-live', ...READING, live: null }, { type: 'window', window: WINDOW, now: NOW });
  assert.ok(!asked.does.includes('seek-past') && !asked.does.includes('past-lost'));
});

test('what_is_sought_while_the_player_is_broken_is_where_the_next_one_goes', () => {
  const date = DATE - 15_000;
  const { effects } = after(LIVE_STATE, { type: 'failed' }, { type: 'seek', ...READING, target: 35, date, liveWithin: 0.5 },
    { type: 'searched', search: 1, found: true, now: NOW }, { type: 'window', window: WINDOW, now: NOW });
  assert.deepEqual(effects.filter(({ type }) => type === 'seek-past').at(-1), { type: 'seek-past', position: null, date });
});

test('a_player_that_is_started_while_it_looked_for_something_is_built_once', () => {
  const { does } = after(LIVE_STATE, { type: 'failed' }, { type: 'rest' }, { type: 'start', now: NOW }, { type: 'searched', search: 1, found: true, now: NOW });
  assert.equal(does.filter((each) => each === 'build').length, 1);
});

test('the_waits_between_searches_grow_and_those_after_the_end_are_long', () => {
  const waits = (/** @type {PlaybackEvent[]} */ ...events) => after(LIVE_STATE, ...events).effects.flatMap((each) => (each.type === 'search' ? [each.waitMs] : []));
  const nothing = (/** @type {number} */ search) => /** @type {PlaybackEvent} */ ({ type: 'searched', search, found: false, now: NOW });
  assert.deepEqual(waits({ type: 'failed' }, nothing(1), nothing(2), nothing(3)), [500, 1000, 2000, 3000]);
  assert.deepEqual(waits({ type: 'ended' }, nothing(1)), [3000, 3000]);
});

test('facts_are_those_of_the_state', () => {
  assert.deepEqual([INITIAL, LIVE_STATE, { ...LIVE_STATE, phase: /** @type {const} */ ('ended') }].map(streamOf), ['none', 'shown', 'ended']);
  assert.deepEqual([LIVE_STATE, HELD, { ...LIVE_STATE, refused: true }].map(isPaused), [false, true, true]);
  assert.deepEqual([isMoving(LIVE_STATE, NOW), isMoving(LIVE_STATE, NOW + 3000)], [true, false]);
});
