/**
 * Where the archive is played from: a playlist of some time around a moment, by the engine that plays the stream.
 */

/** Before the moment: so far one goes back without another playlist. */
const BEFORE_MS = 10 * 60_000;
/** Behind it: so long it plays on. */
const AFTER_MS = 50 * 60_000;

/**
 * The address of a playlist around a moment.
 * @param {string} url without a query
 * @param {number} ms
 */
export function archiveUrl(url, ms) {
  const at = (/** @type {number} */ date) => new Date(date).toISOString();
  return `${url}?from=${at(ms - BEFORE_MS)}&to=${at(ms + AFTER_MS)}`;
}
