/**
 * The marks of the seek bar's ruler, on the wall clock of the viewer's time zone. Pure.
 */

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
/** Distances between marks that people can read. */
const STEPS_MS = [
  1 * SECOND_MS, 2 * SECOND_MS, 5 * SECOND_MS, 10 * SECOND_MS, 15 * SECOND_MS, 30 * SECOND_MS,
  1 * MINUTE_MS, 2 * MINUTE_MS, 5 * MINUTE_MS, 10 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS,
  1 * HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS, 24 * HOUR_MS,
];
/** All time zones of today are whole quarters of an hour from UTC, so every local hour begins at one of these. */
const QUARTER_MS = 15 * MINUTE_MS;
/** Whether seconds are written follows from the step. */
const SECONDS_BELOW_MS = MINUTE_MS;

/**
 * @typedef {object} Tick
 * @property {number} at Unix milliseconds
 * @property {boolean} midnight a new day begins here
 */

/**
 * The marks within a stretch of time.
 * @param {import('./timeline.js').Stretch} view
 * @param {number} most marks that there is room for
 * @param {(at: number) => number} offset of local time from UTC in milliseconds
 * @returns {{step: number, ticks: Tick[]}}
 */
export function ticksOf({ from, to }, most, offset = zoneOffset) {
  const step = STEPS_MS.find((candidate) => (to - from) / candidate <= most) ?? STEPS_MS[STEPS_MS.length - 1];
  // A longer step is searched for quarter by quarter: across a change to summer time its marks are not evenly spaced.
  const stride = Math.min(step, QUARTER_MS);
  const ticks = [];
  for (let at = Math.ceil(from / stride) * stride; at <= to; at += stride) {
    const local = at + offset(at);
    if (local % step === 0) {
      ticks.push({ at, midnight: local % (24 * HOUR_MS) === 0 });
    }
  }
  return { step, ticks };
}

/**
 * Writes marks: times of day, and the date where a day begins.
 * @param {number} step
 * @param {string | undefined} locale undefined for the viewer's own
 * @param {string | undefined} timeZone undefined for the viewer's own
 * @returns {(tick: Tick) => string}
 */
export function tickWriter(step, locale = undefined, timeZone = undefined) {
  const time = new Intl.DateTimeFormat(locale, { timeStyle: step < SECONDS_BELOW_MS ? 'medium' : 'short', timeZone });
  const date = new Intl.DateTimeFormat(locale, { weekday: 'short', day: 'numeric', month: 'short', timeZone });
  return ({ at, midnight }) => (midnight ? date : time).format(at);
}

/** The offset of the viewer's own zone. @param {number} at */
function zoneOffset(at) {
  return -new Date(at).getTimezoneOffset() * MINUTE_MS;
}
