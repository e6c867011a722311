/**
 * Fingers on the picture. A second tap soon after the first, and near it, is a double tap. Pure.
 */

/** Longest time between the two taps, and their greatest distance in CSS pixels. */
const TWICE_MS = 300;
const TWICE_PX = 60;

/** Tells double taps. */
export class Taps {
  #last = { at: -Infinity, x: 0, y: 0 };

  /**
   * Whether this tap is the second of a double tap. A third one close by is the second of another.
   * @param {{at: number, x: number, y: number}} tap milliseconds and pixels
   */
  isDouble(tap) {
    const { at, x, y } = this.#last;
    this.#last = tap;
    return tap.at - at <= TWICE_MS && Math.hypot(tap.x - x, tap.y - y) <= TWICE_PX;
  }
}
