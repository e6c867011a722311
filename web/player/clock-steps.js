/**
 * Dates of fragments where the server's clock was set while it ran. Pure.
 */

/** No window is longer. Dates that jump on by more were told by a clock that was set, not across a hole in the stream. */
const WINDOW_MAX_MS = 24 * 3_600_000;

/**
 * @typedef {object} Dated
 * @property {number} sn media sequence number
 * @property {number | null} programDateTime
 * @property {boolean} [gap] there is nothing of it: its date is a guess
 */

/**
 * The number of the first fragment behind the last step of the clock; null where there is none behind `known`. Before it dates tell
 * nothing about what can be watched: 56 years lie between a clock that begins at 1970 and now.
 * @param {ReadonlyArray<Dated>} fragments
 * @param {number} known the number of a fragment up to which was looked already
 */
export function lastStep(fragments, known) {
  /** @type {Dated | null} */
  let next = null;
  for (let at = fragments.length - 1; at >= 0; at -= 1) {
    const fragment = fragments[at];
    if (fragment.gap || fragment.programDateTime === null) {
      continue;
    }
    if (next !== null) {
      const passedMs = /** @type {number} */ (next.programDateTime) - fragment.programDateTime;
      if (passedMs < 0 || passedMs > WINDOW_MAX_MS) {
        return next.sn;
      }
    }
    if (fragment.sn <= known) {
      return null;
    }
    next = fragment;
  }
  return null;
}
