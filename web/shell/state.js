/**
 * What the page shows: one state of a closed set, and one sentence for it.
 *
 * Pure: facts in, state out. The facts come from the player's events, from `api/status` and from what the user did.
 */

/** @typedef {'connecting' | 'starting' | 'live' | 'behind' | 'paused' | 'stills' | 'camera-lost' | 'ended' | 'unreachable'} State */

/** Every state there is. @type {readonly State[]} */
export const STATES = ['connecting', 'starting', 'live', 'behind', 'paused', 'stills', 'camera-lost', 'ended', 'unreachable'];

/**
 * @typedef {object} Source what `api/status` says of the camera
 * @property {'live' | 'lost' | 'asleep' | 'opening' | 'ended' | 'unknown'} state
 * @property {Date | null} since when it was lost
 * @property {string} name empty when unknown
 */

/**
 * @typedef {object} Facts
 * @property {'none' | 'heard' | 'lost'} contact whether the server answers; `none` before the first answer
 * @property {Source} source
 * @property {'none' | 'shown' | 'ended'} stream whether this stream has shown a picture, or is over
 * @property {boolean} moving whether the picture moved in the last moments
 * @property {boolean} paused by the user, or because the browser wants a click first
 * @property {boolean} following the user wants the live edge, not the past
 * @property {boolean} [stills] the user chose a picture now and then
 */

/** What the badge says of states that are not live; the rest is "Not live". @type {Partial<Record<State, string>>} */
const BADGES = { behind: 'Behind', stills: 'Pictures', 'camera-lost': 'No signal' };
/** A picture that is older than this is late, and is not called live without saying so. */
const LATE_MS = 3000;

/** The sentence for a picture that cannot come as fast as it is made. */
const TOO_THIN = 'The link is too thin for the stream.';

/** The source while the server has told nothing yet. @type {Source} */
export const UNKNOWN_SOURCE = { state: 'unknown', since: null, name: '' };

/**
 * The state that the facts amount to. The order is that of importance to a viewer: a picture that
 * cannot come at all, then one that is not what the camera sees, then one that the user holds back.
 * @param {Facts} facts
 * @returns {State}
 */
export function stateOf({ contact, source, stream, moving, paused, following, stills = false }) {
  if (following && (stream === 'ended' || (source.state === 'ended' && contact === 'heard' && !moving))) {
    return 'ended';
  }
  if (contact === 'lost') {
    return 'unreachable';
  }
  if (contact === 'none') {
    return 'connecting';
  }
  if (source.state === 'lost' && following && !paused) {
    return 'camera-lost';
  }
  if (stills) {
    return 'stills';
  }
  if (stream === 'none' && !paused) {
    return 'starting';
  }
  if (paused) {
    return 'paused';
  }
  if (!moving) {
    return 'starting';
  }
  return following ? 'live' : 'behind';
}

/**
 * What the badge says of a state.
 * @param {State} state
 * @param {number | null} latencyMs age of the picture; null while it is not known
 * @returns {{word: string, late: boolean}} `late`: the picture follows the camera, but not closely
 */
export function badgeFor(state, latencyMs) {
  if (state !== 'live') {
    return { word: BADGES[state] ?? 'Not live', late: false };
  }
  if (latencyMs === null) {
    // Of a picture without a known age, only its motion is known.
    return { word: 'Playing', late: false };
  }
  const late = latencyMs > LATE_MS;
  return { word: late ? 'Late' : 'Live', late };
}

/**
 * Up to which moment things that go on were seen; null while the camera is watched and they go on now.
 * @param {Pick<Facts, 'contact' | 'source'>} facts
 * @param {number} newestMs capture time of the newest picture
 * @returns {number | null} Unix milliseconds
 */
export function seenUntil({ contact, source }, newestMs) {
  if (source.state === 'lost' || source.state === 'asleep' || source.state === 'ended') {
    return source.since === null ? newestMs : Math.min(newestMs, source.since.getTime());
  }
  return contact === 'lost' ? newestMs : null;
}

/**
 * The sentence for a state.
 * @param {State} state
 * @param {Date | null} since when the camera was lost
 * @param {(date: Date) => string} clock writes a time of day
 * @param {{late?: boolean, thin?: boolean, opening?: boolean}} [link] `late` as `badgeFor` has it; `thin` as thin-link.js says; `opening`: the camera was closed until somebody watched
 * @returns {string}
 */
export function sentenceFor(state, since, clock, { late = false, thin = false, opening = false } = {}) {
  switch (state) {
    case 'connecting':
      return 'Connecting to the server.';
    case 'starting':
      return opening ? 'The camera is being opened.' : thin ? TOO_THIN : 'Waiting for the picture.';
    case 'live':
      return thin ? TOO_THIN : late ? 'The picture comes late.' : 'You are watching live.';
    case 'behind':
      return 'You are watching the past.';
    case 'paused':
      return 'Paused.';
    case 'stills':
      return 'The link is too thin for the stream: a picture comes every 2 s.';
    case 'camera-lost':
      return since
        ? `The camera has been gone since ${clock(since)}; its picture returns by itself.`
        : 'The camera is gone; its picture returns by itself.';
    case 'ended':
      return 'The stream has ended; a new one will start here by itself.';
    case 'unreachable':
      return 'The server cannot be reached; this page keeps trying.';
  }
}

/**
 * The source as `api/status` has it. Every field is optional there, so anything unexpected counts as missing.
 * @param {unknown} status
 * @returns {Source}
 */
export function sourceOf(status) {
  const source = field(status, 'source');
  const name = field(source, 'name');
  const since = new Date(String(field(source, 'silent_since')));
  const states = /** @type {Record<string, Source['state']>} */ ({
    live: 'live', silent: 'lost', lost: 'lost', asleep: 'asleep', opening: 'opening', ended: 'ended',
  });
  return {
    state: states[String(field(source, 'state'))] ?? 'unknown',
    since: Number.isNaN(since.getTime()) ? null : since,
    name: typeof name === 'string' ? name : '',
  };
}

/**
 * What else of `api/status` a viewer may like to know, as short phrases. A camera that is gone sees no faces.
 * @param {unknown} status
 * @returns {string[]}
 */
export function detailsOf(status) {
  const { state } = sourceOf(status);
  return [
    state === 'live' ? slowText(field(status, 'source')) : '',
    state === 'lost' || state === 'asleep' || state === 'ended' ? '' : counted(field(field(status, 'detection'), 'faces'), 'face', 'faces'),
    counted(field(status, 'viewers'), 'viewer', 'viewers'),
  ].filter((phrase) => phrase !== '');
}

/** What a camera delivers that is slow, as many are in low light. @param {unknown} source */
function slowText(source) {
  const [slow, rate] = [field(source, 'slow_fps'), field(source, 'fps')];
  return typeof slow === 'number' && typeof rate === 'number' ? `camera delivers ${Math.round(slow)} of ${Math.round(rate)} fps` : '';
}

/** Hosts that only this machine can reach. */
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * Whether anyone on the network can watch. A server that does not tell is not accused, nor one that is reached by this machine's own
 * name: it may be closed to the others.
 * @param {unknown} status
 * @param {string} host the page's own, as `location.hostname` writes it
 */
export function isUnprotected(status, host) {
  return field(status, 'protected') === false && !LOOPBACK.test(host);
}

/**
 * @param {unknown} count
 * @param {string} one
 * @param {string} many
 */
function counted(count, one, many) {
  return typeof count === 'number' ? `${count} ${count === 1 ? one : many}` : '';
}

/**
 * A field of what may be anything.
 * @param {unknown} value
 * @param {string} name
 * @returns {unknown}
 */
export function field(value, name) {
  return value !== null && typeof value === 'object' ? /** @type {Record<string, unknown>} */ (value)[name] : undefined;
}
