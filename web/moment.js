/**
 * Moments in links, in names of files and in words. Pure: a moment is Unix milliseconds.
 */

/** A day and a time of day with its zone, without which a link would mean another moment elsewhere. */
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/**
 * The moment that a link's fragment names: `#t=2026-11-24T05:51:55.123Z`. Null when it names none.
 * @param {string} hash as `location.hash` gives it
 */
export function momentOf(hash) {
  const text = new URLSearchParams(hash.replace(/^#/, '').replaceAll('+', '%2B')).get('t') ?? '';
  const at = MOMENT.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? null : at;
}

/**
 * A link to a moment.
 * @param {string} page its address, which may have a fragment already
 * @param {number} at
 */
export function linkTo(page, at) {
  const url = new URL(page);
  url.hash = `t=${new Date(at).toISOString()}`;
  return url.href;
}

/**
 * The name of a file that shows what a camera saw at a moment; colons are not allowed on every system.
 * @param {number} at @param {string} extension
 */
export function fileNameOf(at, extension) {
  return `hlscam-${new Date(at).toISOString().replaceAll(':', '-')}.${extension}`;
}

/**
 * A length of time in words.
 * @param {number} ms
 */
export function durationText(ms) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) {
    return `${Number(seconds.toFixed(1))} s`;
  }
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) {
    return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  }
  if (minutes === 0) {
    return `${whole} s`;
  }
  return whole % 60 > 0 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
}
