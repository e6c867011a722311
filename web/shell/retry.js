/**
 * When to try again. Pure.
 */

/** The first wait, and the longest: a page left open must be back soon after the server is, and be no burden until then. */
const FIRST_MS = 500;
const LONGEST_MS = 3000;

/**
 * The wait before a try.
 * @param {number} tries that failed so far
 */
export function waitMs(tries) {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(tries, 10));
}
