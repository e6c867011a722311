/**
 * The types of the player's state machine (transitions.js): the state, the events and the effects. Pure.
 *
 *     idle ──start──▶ starting ──the picture moves──▶ running
 *                      ▲    │                         │    │
 *                      │    └────────failed───────────┘    │ the stream ended
 *                      │              ▼                    ▼
 *                      └──found──── failed               ended
 *
 * `failed` and `ended` look for something to play; from everywhere `rest` leads to idle. Times are milliseconds of a steady clock, dates
 * are Unix milliseconds, positions are seconds.
 */

/** A picture that has not moved for this long is not called live. */
const STILL_MS = 2000;
/**
 * @typedef {object} Playback
 * @property {'idle' | 'starting' | 'running' | 'failed' | 'ended'} phase
 * @property {boolean} following whether the viewer wants the live edge, not the past
 * @property {boolean} wanted whether the viewer wants it to play
 * @property {boolean} refused the browser wants a click before it plays
 * @property {number} speed that the viewer chose for the past
 * @property {boolean} shown whether the picture of this engine has moved
 * @property {number | null} archiveMs a moment that only the archive has: it is played from there; null for the stream's own playlist
 * @property {number | null} returnMs the date that the next engine goes back to; null at live, or when no date is known
 * @property {boolean} returning this engine has not gone back yet
 * @property {number} position of the last look; -1 before the first
 * @property {number} movedAt when the picture moved last
 * @property {number} expectedAt since when it should move: it was built, told to play, sent elsewhere, or the page came back
 * @property {number} pausedAt
 * @property {number} builtAt
 * @property {number} failures in a row
 * @property {number} search the number of the search for something to play that is under way, or of the last one
 */

/** @typedef {{now: number, position: number, live: number | null}} Reading of the video; `live` is where it plays when live */

/**
 * @typedef {{type: 'start', now: number}
 *   | {type: 'rest'}
 *   | {type: 'ready'}
 *   | {type: 'failed'}
 *   | {type: 'ended'}
 *   | {type: 'searched', search: number, found: boolean, now: number}
 *   | {type: 'server-back'}
 *   | {type: 'window', window: import('./engines.js').Window | null, now: number}
 *   | {type: 'pause', now: number, date: number | null}
 *   | {type: 'video-paused', now: number, date: number | null, meant: boolean}
 *   | ({type: 'video-played'} & Reading)
 *   | {type: 'video-ended'}
 *   | {type: 'refused', refused: boolean}
 *   | ({type: 'go-live'} & Reading)
 *   | ({type: 'seek', target: number, date: number | null, liveWithin: number} & Reading)
 *   | {type: 'seek-far', now: number, date: number, archived: boolean}
 *   | {type: 'speed', speed: number}
 *   | ({type: 'resumed'} & Reading)
 *   | ({type: 'tick', date: number | null, hasPicture: boolean, paused: boolean, seeking: boolean, hidden: boolean, oldest: number | null} & Reading)
 * } PlaybackEvent
 * `seek-far`: to a date that this engine does not list; `meant`: a pause that the viewer can have meant; `liveWithin`: a target so near to live means live
 */

/**
 * @typedef {{type: 'build', autoplay: boolean, archiveMs: number | null} | {type: 'destroy'} | {type: 'stop'}
 *   | {type: 'search', search: number, waitMs: number}
 *   | {type: 'play'} | {type: 'pause'}
 *   | {type: 'seek', position: number}
 *   | {type: 'seek-past', position: number | null, date: number | null}
 *   | {type: 'rate', rate: number}
 *   | {type: 'reset-latency'} | {type: 'changed'} | {type: 'past-lost'}
 * } Effect
 * `seek-past`: to the date, or to the position where that is not known; as soon as the video can seek
 */

/** @type {Playback} */
export const INITIAL = {
  phase: 'idle',
  following: true,
  wanted: true,
  refused: false,
  speed: 1,
  shown: false,
  archiveMs: null,
  returnMs: null,
  returning: false,
  position: -1,
  movedAt: -Infinity,
  expectedAt: -Infinity,
  pausedAt: -Infinity,
  builtAt: -Infinity,
  failures: 0,
  search: 0,
};

/** Whether the picture is held, by the viewer or by a browser that wants a click first. @param {Playback} state */
export const isPaused = ({ wanted, refused }) => !wanted || refused;

/** Whether there is an engine that plays or is to play. @param {Playback} state */
export const isPlaying = ({ phase }) => phase === 'starting' || phase === 'running';

/** What state.js wants to know of the stream. @param {Playback} state @returns {import('../shell/state.js').Facts['stream']} */
export const streamOf = ({ phase, shown }) => (phase === 'ended' ? 'ended' : shown ? 'shown' : 'none');

/** Whether the picture moved in the last moments. @param {Playback} state @param {number} now */
export const isMoving = ({ movedAt }, now) => now - movedAt < STILL_MS;
