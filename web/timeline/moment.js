/**
 * Moments in links and in names of files. Pure: a moment is Unix milliseconds.
 */

/** A day and a time of day with its zone, without which a link would mean another moment elsewhere. */
const MOMENT = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/**
 * The moment that a link's fragment names: `#t=2026-11-24T05:51:55.123Z`. Null when it names none that can be read.
 * @param {string} hash as `location.hash` gives it
 */
export function momentOf(hash) {
  const text = fieldsOf(hash).get('t') ?? '';
  const day = MOMENT.exec(text)?.[1];
  const at = day !== undefined && isDay(day) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? null : at;
}

/** Whether a fragment means to name a moment, readable or not. @param {string} hash */
export function meansMoment(hash) {
  return fieldsOf(hash).has('t');
}

/**
 * A page's address without the moment that it names; what else its fragment has stays.
 * @param {string} page
 */
export function withoutMoment(page) {
  const url = new URL(page);
  const fields = fieldsOf(url.hash);
  if (!fields.has('t')) {
    return page;
  }
  fields.delete('t');
  url.hash = fields.toString();
  return url.href;
}

/** A plus sign is one here, for time zones have it. @param {string} hash */
function fieldsOf(hash) {
  return new URLSearchParams(hash.replace(/^#/, '').replaceAll('+', '%2B'));
}

/** `Date.parse` takes the 30th of February for the 2nd of March. @param {string} day like 2026-02-30 */
function isDay(day) {
  const at = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day);
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
