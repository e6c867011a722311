/**
 * Where a viewer of the past was, for the engine that comes after a failure: each new one begins at live. Pure.
 */

/** Remembers the moment that was shown. Moments are Unix milliseconds. */
export class Past {
  /** @type {number | null} */
  #ms = null;
  #due = false;

  /** This moment is shown; null at live, or when it is not known. It does not count until a new engine has gone back. @param {number | null} ms */
  shown(ms) {
    if (!this.#due) {
      this.#ms = ms;
    }
  }

  /** Live is what is wanted now. */
  forget() {
    this.#ms = null;
    this.#due = false;
  }

  /** A new engine begins. @param {boolean} following whether it is to be live unless a moment is held */
  begin(following) {
    this.#due = !following || this.#ms !== null;
  }

  /**
   * Where the new engine goes, told once: to a moment, to live because that moment is gone or was never known, or nowhere.
   * @param {import('./engines.js').Window | null} window what it can show; null while that is not known
   * @returns {number | 'live' | null}
   */
  goesTo(window) {
    if (!this.#due || window === null) {
      return null;
    }
    this.#due = false;
    return this.#ms !== null && this.#ms >= window.startMs && this.#ms <= window.endMs ? this.#ms : 'live';
  }
}
