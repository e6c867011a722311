/**
 * The days of which something is kept: the overview of a window of days. Pure.
 */

/** Of so few days the bar itself is the overview. */
export const DAYS_MIN = 2;
/** Days in the overview at most: more would be a list nobody reads. The newest count. */
export const DAYS_MAX = 31;

/** @typedef {import('./timeline.js').Stretch} Stretch */
/** @typedef {{left: number, width: number}} Part of a day, both as shares of it */

/**
 * @typedef {object} Day
 * @property {number} from its midnight, Unix milliseconds
 * @property {number} to the next
 * @property {number} first the first moment of which there is footage
 * @property {number} footageMs how much there is
 * @property {Part[]} covered where there is footage
 * @property {Part[]} marked where something was marked
 * @property {Part[]} kept where it is never deleted
 */

/** The midnight before a moment, where the viewer is. @param {number} at */
export function midnightBefore(at) {
  const day = new Date(at);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
}

/** The next midnight: a day has 23 to 25 hours. @param {number} midnight */
export function nextMidnight(midnight) {
  const day = new Date(midnight);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1).getTime();
}

/**
 * What of some stretches lies in a day, as far as it is not to come.
 * @param {readonly Stretch[]} stretches @param {Stretch} day @param {number} now
 * @returns {Stretch[]}
 */
function within(stretches, day, now) {
  return stretches.flatMap(({ from, to }) => {
    const cut = { from: Math.max(from, day.from), to: Math.min(to, day.to, now) };
    return cut.from < cut.to ? [cut] : [];
  });
}

/**
 * The days, newest first; none where there are too few.
 * @param {object} of
 * @param {readonly Stretch[]} of.footage first to last; the last goes on
 * @param {readonly Stretch[]} of.marked
 * @param {readonly Stretch[]} of.kept
 * @param {number} now
 * @returns {Day[]}
 */
export function daysOf({ footage, marked, kept }, now) {
  const there = footage.map((stretch, n) => (n === footage.length - 1 ? { ...stretch, to: Math.max(stretch.to, now) } : stretch));
  /** @type {Day[]} */
  const days = [];
  for (let from = midnightBefore(now); days.length < DAYS_MAX && there.length > 0 && from + 25 * 3_600_000 > there[0].from; from = midnightBefore(from - 1)) {
    const day = { from, to: nextMidnight(from) };
    const share = (/** @type {Stretch} */ part) => ({ left: (part.from - day.from) / (day.to - day.from), width: (part.to - part.from) / (day.to - day.from) });
    const parts = within(there, day, now);
    if (parts.length > 0) {
      const footageMs = parts.reduce((sum, part) => sum + part.to - part.from, 0);
      const [covered, marks, keeps] = [parts, within(marked, day, now), within(kept, day, now)].map((some) => some.map(share));
      days.push({ ...day, first: parts[0].from, footageMs, covered, marked: marks, kept: keeps });
    }
  }
  return days.length < DAYS_MIN ? [] : days;
}
