/**
 * A stretch of time that is dragged out on the bar, or set by its ends. Pure.
 */

/** A shorter one is none: the pointer was not moved. */
export const STRETCH_MIN_MS = 500;

/** A shorter one has too few key frames for a time-lapse. */
const LAPSE_MIN_MS = 30_000;
/** Longest that a time-lapse of the page shall last. */
const LAPSE_SHOWN_MS = 60_000;
/** How many times as fast a time-lapse may be; the last one is the most that the server makes. */
const LAPSE_SPEEDS = [10, 30, 60, 120, 300, 600, 1800, 3600, 10_000, 30_000, 100_000];

/** The slowest speed at which a stretch of that length takes no more than a minute; null for one that is too short. @param {number} ms */
export function lapseSpeed(ms) {
  return ms < LAPSE_MIN_MS ? null : (LAPSE_SPEEDS.find((speed) => ms / speed <= LAPSE_SHOWN_MS) ?? LAPSE_SPEEDS.at(-1) ?? null);
}

/** Ends may be set in any order. */
export class Stretch {
  /** The end that stays while the other is moved. @type {number | null} */
  #fixed = null;
  /** @type {number | null} */
  #moved = null;

  /** A stretch begins, or ends, here; it is none before the other end is known. @param {number} at Unix milliseconds */
  begin(at) {
    this.#fixed = at;
    this.#moved = null;
  }

  /** Its other end is here. Without a first one it is none yet. @param {number} at */
  extend(at) {
    if (this.#fixed === null) {
      this.begin(at);
    } else {
      this.#moved = at;
    }
  }

  clear() {
    this.#fixed = null;
    this.#moved = null;
  }

  /** From when to when; null while it is none. @returns {{from: number, to: number} | null} */
  get range() {
    if (this.#fixed === null || this.#moved === null) {
      return null;
    }
    const [from, to] = [Math.min(this.#fixed, this.#moved), Math.max(this.#fixed, this.#moved)];
    return to - from < STRETCH_MIN_MS ? null : { from, to };
  }
}
