/**
 * Where the newest key frame is, as the playlists tell it (RFC 8216bis §4.4.3.6 and §4.4.6.3). Pure.
 */

/**
 * The first I-frame playlist that a multivariant playlist names.
 * @param {string} text @param {string} base the playlist's own address
 * @returns {{url: string, codecs: string} | null}
 */
export function listOf(text, base) {
  const attributes = text.match(/^#EXT-X-I-FRAME-STREAM-INF:(.*)$/m)?.[1] ?? '';
  const value = (/** @type {string} */ name) => attributes.match(new RegExp(`(?:^|,)${name}="([^"]*)"`))?.[1];
  const [uri, codecs] = [value('URI'), value('CODECS')];
  return uri && codecs ? { url: new URL(uri, base).href, codecs } : null;
}

/**
 * The last frame of an I-frame playlist.
 * @param {string} text @param {string} base the playlist's own address
 * @returns {{key: string, url: string, initUrl: string, from: number, length: number, capturedMs: number | null} | null}
 */
export function frameOf(text, base) {
  const lines = text.split('\n');
  const at = lastIndex(lines, /^[^#]/);
  const before = lines.slice(0, Math.max(at, 0));
  const last = (/** @type {RegExp} */ tag) => before[lastIndex(before, tag)]?.match(tag) ?? null;
  const [map, range] = [last(/^#EXT-X-MAP:.*URI="([^"]*)"/), last(/^#EXT-X-BYTERANGE:(\d+)@(\d+)/)];
  if (at < 0 || map === null || range === null) {
    return null;
  }
  const capturedMs = dateOf(before);
  const [length, from] = [Number(range[1]), Number(range[2])];
  const url = new URL(lines[at], base).href;
  return { key: `${url}@${from}`, url, initUrl: new URL(map[1], base).href, from, length, capturedMs };
}

/** The date of the last frame: the last date told, and how long the frames since then last. @param {string[]} before the last frame's own line */
function dateOf(before) {
  const dated = lastIndex(before, /^#EXT-X-PROGRAM-DATE-TIME:/);
  const date = Date.parse(before[dated]?.slice('#EXT-X-PROGRAM-DATE-TIME:'.length) ?? '');
  const lengths = before.slice(dated + 1).flatMap((line) => (line.startsWith('#EXTINF:') ? [Number.parseFloat(line.slice('#EXTINF:'.length))] : []));
  const past = lengths.slice(0, -1).reduce((sum, s) => sum + s, 0);
  return Number.isNaN(date) ? null : date + past * 1000;
}

/** The last line that matches, or -1. @param {string[]} lines @param {RegExp} pattern */
function lastIndex(lines, pattern) {
  return lines.reduce((last, line, at) => (pattern.test(line) ? at : last), -1);
}
