/**
 * How far back one can go, and what has a moment: the stream's own playlist, or the archive.
 */

import { NOW_S } from './transitions.js';

/** What is about to leave the stream's playlist is played from the archive, so long before. */
const LISTED_ROOM_MS = 120_000;

/** But no more than this part of what is listed. */
const LISTED_ROOM_SHARE = 4;
/** Behind the last picture that an archive lists. */
const SEAM_MS = 10;

/** @typedef {import('./engines.js').Window} Window */
/** @typedef {{listed: Window | null, archived: boolean}} Playing what plays now lists, and whether that is the archive */

/** Pure but for what it is told. */
export class Reach {
  #history;
  #playing;
  #now;
  /** The newest picture that the stream's playlist has listed, and when that was. @type {{ms: number, at: number} | null} */
  #edge = null;

  /** @param {import('./history.js').History} history @param {() => Playing} playing @param {() => number} now of a steady clock */
  constructor(history, playing, now) {
    this.#history = history;
    this.#playing = playing;
    this.#now = now;
  }

  /** What plays now was told what it lists. @param {Window | null} window */
  listed(window) {
    if (window !== null && !this.#playing().archived) {
      this.#edge = { ms: window.endMs, at: this.#now() };
    }
  }

  /** The newest picture that there is by now, as far as the stream's playlist has told. */
  get newestMs() {
    return this.#edge === null ? Infinity : this.#edge.ms + (this.#now() - this.#edge.at);
  }

  /** What can be shown at all; null while it is not known. @returns {Window | null} */
  get window() {
    const { listed, archived } = this.#playing();
    if (listed === null) {
      return null;
    }
    const startMs = Math.min(this.#history.startMs ?? Infinity, listed.startMs);
    return { startMs, endMs: archived && this.#edge !== null ? this.newestMs : listed.endMs };
  }

  /** The first moment behind what the archive that plays now lists; null for the stream. */
  get next() {
    const { listed, archived } = this.#playing();
    return archived && listed !== null ? listed.endMs + SEAM_MS : null;
  }

  /** Whether it is known where a moment is: what is older than the playlist may be kept. @param {number} ms */
  isKnown(ms) {
    return this.#history.isKnown || ms >= (this.#playing().listed?.startMs ?? Infinity);
  }

  /** Whether a moment is kept, but not listed by what plays now. @param {number} ms */
  isFar(ms) {
    const { listed, archived } = this.#playing();
    if (listed === null || (ms >= listed.startMs && ms <= listed.endMs)) {
      return false;
    }
    return archived || (ms < listed.startMs && (this.#history.startMs ?? Infinity) < listed.startMs);
  }

  /** Where a far moment is; null means live. @param {number} ms @returns {{date: number, archived: boolean} | null} */
  placeOf(ms) {
    const date = this.#history.nearest(Math.max(ms, this.#history.startMs ?? ms));
    const end = this.window?.endMs ?? Infinity;
    const listedFrom = this.#history.listedFrom(this.#now());
    // Of a short window, not all of it.
    const room = Math.min(LISTED_ROOM_MS, (end - listedFrom) / LISTED_ROOM_SHARE);
    return date > end - NOW_S * 1000 ? null : { date, archived: date < listedFrom + room };
  }
}
