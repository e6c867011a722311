/**
 * Which camera is asked for its next picture, and when. Pure.
 *
 * A browser opens six connections to a server (HTTP/1.1), for all its pages. A few of them take turns at all cameras, the one whose
 * picture is the oldest first, so that none waits for another that does not answer. See docs/decisions/0029-several-cameras.md.
 */

/** Requests at a time: three of six are left for the rest of the browser. */
export const AT_ONCE = 3;
/** Pictures per second of all cameras together: what the server makes of them costs it a tenth of a core. */
export const PER_SECOND = 16;
/** The shortest time from one picture of a camera to its next, in milliseconds. */
export const EVERY_MIN_MS = 200;
/** A camera that gave none is asked again after this time. */
const AGAIN_MS = 1000;
/** A picture that came so long ago is not live any more. */
export const LIVE_MS = 2000;

/**
 * @typedef {object} Turn of one camera
 * @property {number} due when it may be asked next
 * @property {boolean} asked an answer is on its way
 * @property {number} came when its last picture was asked for; -Infinity before the first
 */

/** The rounds. All times are of one monotonic clock, in milliseconds. */
export class PictureRounds {
  /** @type {Map<string, Turn>} */
  #turns = new Map();

  /** From now on it is about these cameras. @param {string[]} names */
  setCameras(names) {
    this.#turns = new Map(names.map((name) => [name, this.#turns.get(name) ?? { due: -Infinity, asked: false, came: -Infinity }]));
  }

  /** The camera to ask now; it counts as asked. @param {number} now @returns {string | null} */
  next(now) {
    const turns = [...this.#turns];
    if (turns.filter(([, { asked }]) => asked).length >= AT_ONCE) {
      return null;
    }
    const due = turns.filter(([, turn]) => !turn.asked && turn.due <= now).sort(([, a], [, b]) => a.due - b.due);
    if (due.length === 0) {
      return null;
    }
    const [name, turn] = due[0];
    turn.asked = true;
    turn.due = now + Math.max(EVERY_MIN_MS, (turns.length * 1000) / PER_SECOND);
    return name;
  }

  /** An answer came. @param {string} name @param {{askedAt: number, now: number, hasPicture: boolean}} answer */
  answered(name, { askedAt, now, hasPicture }) {
    const turn = this.#turns.get(name);
    if (turn === undefined) {
      return;
    }
    turn.asked = false;
    if (hasPicture) {
      // The picture was taken after it was asked for.
      turn.came = askedAt;
    } else {
      turn.due = now + AGAIN_MS;
    }
  }

  /** What there is to see of a camera. @param {string} name @param {number} now @returns {'none' | 'new' | 'old'} */
  pictureOf(name, now) {
    const came = this.#turns.get(name)?.came ?? -Infinity;
    return came === -Infinity ? 'none' : now - came < LIVE_MS ? 'new' : 'old';
  }
}

/** Columns of a grid of so many pictures: 1, 2, 2×2, 3×3, 4×4. @param {number} count */
export const columnsOf = (count) => Math.min(Math.ceil(Math.sqrt(count)), 4) || 1;

/**
 * What is said of a camera.
 * @param {{picture: 'none' | 'new' | 'old', state: string, reason: string | null}} camera the last two as `api/cameras` has them
 * @returns {{state: 'connecting' | 'live' | 'late' | 'absent', text: string}}
 */
export function tileOf({ picture, state, reason }) {
  if (state !== 'live' && reason) {
    return { state: 'absent', text: `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.` };
  }
  return { none: CONNECTING, new: LIVE, old: LATE }[picture];
}

/** @type {ReturnType<typeof tileOf>} */
const CONNECTING = { state: 'connecting', text: 'Waiting for the picture.' };
/** @type {ReturnType<typeof tileOf>} */
const LIVE = { state: 'live', text: 'Live' };
/** @type {ReturnType<typeof tileOf>} */
const LATE = { state: 'late', text: 'The picture comes late.' };
