/**
 * The state machine of the player: where each event leads, and what is to be done then. Pure: player.js tells the events with what it
 * reads from the video, and has the effects.
 */

import { waitMs } from '../shell/retry.js';
import { isPaused, isPlaying } from './playback.js';

/** @typedef {import('./playback.js').Playback} Playback */
/** @typedef {import('./playback.js').PlaybackEvent} PlaybackEvent */
/** @typedef {import('./playback.js').Effect} Effect */
/** @typedef {import('./playback.js').Reading} Reading */
/** @typedef {Extract<PlaybackEvent, {type: 'tick'}>} Tick */

/** Playback within this of where it should be counts as live: a pause shorter than it is made up for by itself. */
export const LIVE_LAG_S = 3;
/** A seek to a moment this near to live playback means live. */
export const NOW_S = 0.5;
/** A player that should move and does not for this long is built anew. */
export const STUCK_MS = 6000;
/** A player that has run for this long has recovered: the next failure is a new one. */
export const RECOVERED_MS = 5000;
/** An archive that cannot be played after so many tries is left. */
const ARCHIVE_TRIES = 2;
/** How far a playhead may fall before the oldest position until it is moved on. */
const FALLEN_OUT_S = 2;

/**
 * What an event leads to.
 * @param {Playback} before
 * @param {PlaybackEvent} event
 * @returns {{state: Playback, effects: Effect[]}}
 */
export function step(before, event) {
  const state = { ...before };
  return { state, effects: on(state, event) };
}

/** @param {Playback} state changed here @param {PlaybackEvent} event @returns {Effect[]} */
function on(state, event) {
  switch (event.type) {
    case 'start':
      return build(state, event.now);
    case 'rest':
      Object.assign(state, { phase: 'idle', shown: false });
      return [{ type: 'destroy' }, { type: 'changed' }];
    case 'ready':
      return state.wanted ? [{ type: 'play' }] : [];
    case 'failed':
      return isPlaying(state) ? fail(state) : [];
    case 'ended':
      return end(state);
    case 'searched':
      return searched(state, event);
    case 'server-back':
      state.failures = isPlaying(state) ? state.failures : 0;
      return [];
    case 'window':
      return goBack(state, event);
    case 'pause':
      return [...hold(state, event), { type: 'pause' }];
    case 'video-paused':
      return event.meant && isPlaying(state) ? hold(state, event) : [];
    case 'video-played':
      return played(state, event);
    case 'video-ended':
      return follow(state, true);
    case 'refused':
      return refuse(state, event.refused);
    case 'go-live':
      return goLive(state, event);
    case 'seek':
      return event.live !== null && event.target > event.live - event.liveWithin ? goLive(state, event) : seekPast(state, event);
    case 'seek-far':
      return seekFar(state, event);
    case 'speed':
      return setSpeed(state, event.speed);
    case 'resumed':
      return resumed(state, event);
    case 'tick':
      return tick(state, event);
  }
}

/** @param {Playback} state @param {number} now @returns {Effect[]} */
function build(state, now) {
  const returning = !state.following || state.returnMs !== null;
  Object.assign(state, { phase: 'starting', shown: false, position: -1, movedAt: -Infinity, builtAt: now, expectedAt: now, returning });
  // A viewer who paused before a failure still wants it paused.
  return [{ type: 'reset-latency' }, { type: 'build', autoplay: state.wanted, archiveMs: state.archiveMs }, { type: 'changed' }];
}

/** What plays now is broken: its picture stays until there is something to play. @param {Playback} state @returns {Effect[]} */
function fail(state) {
  state.phase = 'failed';
  return [{ type: 'stop' }, search(state)];
}

/** @param {Playback} state @returns {Effect[]} */
function end(state) {
  const searches = state.phase === 'failed' || state.phase === 'ended';
  if (state.phase === 'idle') {
    return [];
  }
  state.phase = 'ended';
  return [{ type: 'rate', rate: 1 }, ...(searches ? [] : [search(state)])];
}

/** @param {Playback} state @returns {Effect} */
function search(state) {
  const wait = state.phase === 'ended' ? waitMs(Infinity) : waitMs(state.failures);
  state.failures += 1;
  state.search += 1;
  return { type: 'search', search: state.search, waitMs: wait };
}

/** @param {Playback} state @param {{search: number, found: boolean, now: number}} event @returns {Effect[]} */
function searched(state, event) {
  if (event.search !== state.search || isPlaying(state) || state.phase === 'idle') {
    return [];
  }
  if (event.found && state.failures > ARCHIVE_TRIES) {
    // What was there was deleted meanwhile: the stream's own playlist says what is left.
    state.archiveMs = null;
  }
  return event.found ? build(state, event.now) : [search(state)];
}

/** A new engine goes back to the picture that was shown, once it knows its window. @param {Playback} state @param {{window: import('./engines.js').Window | null, now: number}} event @returns {Effect[]} */
function goBack(state, { window, now }) {
  if (!state.returning || window === null) {
    return [];
  }
  state.returning = false;
  const date = state.returnMs;
  if (date === null || date < window.startMs || date > window.endMs) {
    return [...follow(state, true), { type: 'past-lost' }];
  }
  state.expectedAt = now;
  return [...follow(state, false), { type: 'seek-past', position: null, date }];
}

/** The viewer wants the picture held. @param {Playback} state @param {{now: number, date: number | null}} event @returns {Effect[]} */
function hold(state, { now, date }) {
  if (!state.wanted) {
    return [];
  }
  Object.assign(state, { wanted: false, pausedAt: now });
  remember(state, date);
  return [{ type: 'rate', rate: 1 }, { type: 'changed' }];
}

/** @param {Playback} state @param {Reading} event @returns {Effect[]} */
function played(state, { now, position, live }) {
  state.expectedAt = now;
  const effects = refuse(state, false);
  if (state.wanted) {
    return effects;
  }
  state.wanted = true;
  // An edge that was heard of last long ago, as before a sleep of the device, says too little.
  const lag = live === null ? Infinity : Math.max((now - state.pausedAt) / 1000, live - position);
  return [...effects, ...follow(state, state.following && lag < LIVE_LAG_S)];
}

/** @param {Playback} state @param {boolean} refused @returns {Effect[]} */
function refuse(state, refused) {
  const changed = state.refused !== refused;
  state.refused = refused;
  return changed ? [{ type: 'changed' }] : [];
}

/** @param {Playback} state @param {boolean} following @returns {Effect[]} */
function follow(state, following) {
  state.following = following;
  if (following) {
    Object.assign(state, { returnMs: null, returning: false });
  }
  return [{ type: 'reset-latency' }, { type: 'rate', rate: following ? 1 : state.speed }, { type: 'changed' }];
}

/** @param {Playback} state @param {Reading} event @returns {Effect[]} */
function goLive(state, { now, position, live }) {
  Object.assign(state, { wanted: true, speed: 1, expectedAt: now });
  if (state.archiveMs !== null) {
    state.archiveMs = null;
    return [...follow(state, true), ...build(state, now)];
  }
  const ahead = live !== null && live > position;
  return [...follow(state, true), ...(ahead ? [/** @type {Effect} */ ({ type: 'seek', position: live })] : []), { type: 'play' }];
}

/** @param {Playback} state @param {{target: number, date: number | null, now: number}} event @returns {Effect[]} */
function seekPast(state, { target, date, now }) {
  Object.assign(state, { returnMs: date, returning: false, expectedAt: now });
  return [...follow(state, false), { type: 'seek-past', position: target, date }];
}

/** @param {Playback} state @param {{date: number, archived: boolean, now: number}} event @returns {Effect[]} */
function seekFar(state, { date, archived, now }) {
  Object.assign(state, { returnMs: date, archiveMs: archived ? date : null, failures: 0 });
  return [...follow(state, false), ...(state.phase === 'idle' ? [] : build(state, now))];
}

/** Live has one speed only, and slower than live is the past. @param {Playback} state @param {number} speed @returns {Effect[]} */
function setSpeed(state, speed) {
  if (state.following && speed > 1) {
    return [];
  }
  state.speed = speed;
  const left = speed < 1 ? follow(state, false) : [];
  return [...left, ...(state.following ? [] : [/** @type {Effect} */ ({ type: 'rate', rate: speed })]), { type: 'changed' }];
}

/** Timers slept in a hidden page, and browsers pause hidden videos. @param {Playback} state @param {Reading} event @returns {Effect[]} */
function resumed(state, event) {
  state.expectedAt = event.now;
  if (state.following && state.wanted) {
    return goLive(state, event);
  }
  return state.wanted ? [{ type: 'play' }] : [];
}

/** @param {Playback} state @param {Tick} event @returns {Effect[]} */
function tick(state, event) {
  look(state, event);
  remember(state, event.date);
  const since = Math.max(state.movedAt, state.expectedAt);
  if (isPlaying(state) && !isPaused(state) && !event.hidden && event.now - since > STUCK_MS) {
    return fail(state);
  }
  return state.following || event.paused || event.seeking ? [] : playPast(state, event);
}

/** Whether the picture has moved since the last look. @param {Playback} state @param {Tick} event */
function look(state, { now, position, hasPicture, paused }) {
  if (position === state.position || !hasPicture) {
    return;
  }
  // The first position of a new engine is where it begins, not a movement.
  if (state.position >= 0 && !paused) {
    Object.assign(state, { movedAt: now, shown: true, phase: state.phase === 'starting' ? 'running' : state.phase });
  }
  state.position = position;
  if (isPlaying(state) && now - state.builtAt > RECOVERED_MS) {
    state.failures = 0;
  }
}

/** What is shown of the past, or held, is what the next engine goes back to. @param {Playback} state @param {number | null} date */
function remember(state, date) {
  if (!state.returning && date !== null && !(state.following && state.wanted)) {
    state.returnMs = date;
  }
}

/** The past keeps its speed until the present is reached or the window has left it behind. @param {Playback} state @param {Tick} event @returns {Effect[]} */
function playPast(state, event) {
  const { position, oldest, live } = event;
  if (oldest !== null && position < oldest - FALLEN_OUT_S) {
    return [{ type: 'rate', rate: state.speed }, { type: 'seek', position: oldest }];
  }
  if (state.speed > 1 && live !== null && position > live - NOW_S) {
    return goLive(state, event);
  }
  return [{ type: 'rate', rate: state.speed }];
}
