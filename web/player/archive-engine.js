/**
 * Where the archive is played from: a playlist of some time around a moment, by the engine that plays the stream.
 */

/** Before the moment: so far one goes back without another playlist. */
const BEFORE_MS = 10 * 60_000;
/** Behind it: so long it plays on. */
const AFTER_MS = 50 * 60_000;

/** It ends so long before the newest picture: then its time is over, and it has an end. A segment takes 10 s at most. */
const NEWEST_ROOM_MS = 15_000;
/** The shortest that is asked for. */
const SHORTEST_MS = 1000;

/** @typedef {{ms: number, newestMs: number}} ArchivePlace a moment, and the newest picture that there is */

/**
 * The address of a playlist around a moment.
 * @param {string} url without a query
 * @param {ArchivePlace} place
 */
export function archiveUrl(url, { ms, newestMs }) {
  const at = (/** @type {number} */ date) => new Date(date).toISOString();
  const to = Math.max(ms + SHORTEST_MS, Math.min(ms + AFTER_MS, newestMs - NEWEST_ROOM_MS));
  return `${url}?from=${at(ms - BEFORE_MS)}&to=${at(to)}`;
}
