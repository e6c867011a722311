/**
 * What a playlist says about whether it can be played, and by which run of the server it was written. Pure.
 */

/**
 * @typedef {object} PlaylistFacts
 * @property {boolean} valid it is a playlist at all, and has something to play
 * @property {boolean} ended nothing will be added to it
 * @property {string | null} child the first media playlist, if this is a multivariant one
 */

/**
 * The little one must know of a playlist before a player is built on it.
 * @param {string} text
 * @returns {PlaylistFacts}
 */
export function playlistFacts(text) {
  const lines = text.split('\n').map((line) => line.trim());
  const stream = lines.findIndex((line) => line.startsWith('#EXT-X-STREAM-INF'));
  const child = stream < 0 ? null : (lines.slice(stream + 1).find((line) => line !== '' && !line.startsWith('#')) ?? null);
  const media = lines.some((line) => line.startsWith('#EXTINF') || line.startsWith('#EXT-X-PART:'));
  return {
    valid: lines[0] === '#EXTM3U' && (child !== null || media),
    ended: lines.includes('#EXT-X-ENDLIST'),
    child,
  };
}

/**
 * @typedef {object} Listed a segment as a playlist lists it
 * @property {number} number media sequence number
 * @property {number | null} date capture time of its start, Unix milliseconds
 * @property {string | null} [run] the run of the server, from its name
 */

/**
 * The run of the server in the name of a segment; null where it is no name of ours.
 * @param {string} url
 */
export function runOf(url) {
  return /(?:^|\/)seg-([0-9a-z]+)-\d+\.m4s(?:$|[?#])/.exec(url)?.[1] ?? null;
}

/** Dates of one segment may differ by rounding; two runs differ by more. */
const SAME_DATE_MS = 500;

/**
 * Whether a playlist belongs to another run of the server than the one before it: its names say so, its numbers went back, or a number
 * now stands for another time. A player that went on would wait for segments that never come.
 * @param {Listed | null} last of the playlist before
 * @param {Listed | null} newest of this playlist
 * @param {Listed | null} same what this playlist lists under the number of `last`
 */
export function isAnotherRun(last, newest, same) {
  if (last === null || newest === null) {
    return false;
  }
  if (last.run && newest.run && last.run !== newest.run) {
    return true;
  }
  if (newest.number < last.number - 1) {
    return true;
  }
  return same !== null && same.date !== null && last.date !== null && Math.abs(same.date - last.date) > SAME_DATE_MS;
}
