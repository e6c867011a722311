/**
 * Dates of fragments where the server's clock was set while it ran. Pure.
 */

/** No window is longer. Dates that jump on by more were told by a clock that was set, not across a hole in the stream. */
const WINDOW_MAX_MS = 24 * 3_600_000;

/**
 * @typedef {object} Dated
 * @property {number} sn media sequence number
 * @property {number | null} programDateTime
 */

/**
 * The number of the first fragment behind the last step of the clock; null where there is none behind `known`. Before it dates tell
 * nothing about what can be watched: 56 years lie between a clock that begins at 1970 and now.
 * @param {ReadonlyArray<Dated>} fragments
 * @param {number} known the number of a fragment up to which was looked already
 */
export function lastStep(fragments, known) {
  for (let at = fragments.length - 1; at > 0 && fragments[at].sn > known; at -= 1) {
    const [before, after] = [fragments[at - 1].programDateTime, fragments[at].programDateTime];
    if (before !== null && after !== null && (after < before || after - before > WINDOW_MAX_MS)) {
      return fragments[at].sn;
    }
  }
  return null;
}
