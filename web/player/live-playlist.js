/**
 * A media playlist as the server last sent it, and what it would say once further parts are there. Pure.
 */

/** A list longer than this is a delta to the list before (RFC 8216bis §4.4.5.2), with so many segments in full. */
const SEGMENTS_MAX = 12;
const SEGMENTS_KEPT = 6;

/**
 * @typedef {object} Hinted what a playlist says comes next
 * @property {number} msn of the segment that is being written
 * @property {number} part number of the first of its parts that is not listed
 * @property {(msn: number) => string} segmentName the name under which a segment grows
 * @property {(part: number) => string} partName
 */

/** @typedef {{duration: number, independent: boolean}} ListedPart */

const HINT = /^#EXT-X-PRELOAD-HINT:TYPE=PART,URI="(part-(.+-)(\d+)\.)(\d+)(\.\w+)"/;

/** One answer of the server. */
export class LivePlaylist {
  #lines;
  /** @type {Hinted | null} what comes next; null in a playlist that has ended or has no parts */
  next = null;
  /** Duration of the first part of the segment that is being written, in seconds; null when it has none. @type {number | null} */
  firstPartS = null;
  /** Parts of a segment, as far as the playlist lists them. */
  partsInSegment;
  /** What to ask for so that old segments are left out; empty where the server does not offer it. */
  skip;

  /** @param {string} text */
  constructor(text) {
    const lines = text.split('\n');
    const hint = lines.findIndex((line) => HINT.test(line));
    const tag = (/** @type {RegExp} */ of) => Number(text.match(of)?.[1] ?? NaN);
    this.partsInSegment = Math.round(tag(/^#EXT-X-TARGETDURATION:(\d+)/m) / tag(/^#EXT-X-PART-INF:.*PART-TARGET=([\d.]+)/m)) || 1;
    this.skip = !/CAN-SKIP-UNTIL=/.test(text) ? '' : /CAN-SKIP-DATERANGES=YES/.test(text) ? 'v2' : 'YES';
    this.#lines = shortened(hint < 0 ? lines : lines.slice(0, hint));
    const [, stem, run, msn, part, suffix] = lines[hint]?.match(HINT) ?? [];
    if (stem !== undefined) {
      this.next = { msn: Number(msn), part: Number(part), segmentName: (n) => `seg-${run}${n}${suffix}`, partName: (n) => `${stem}${n}${suffix}` };
      const first = lines.find((line) => line.startsWith('#EXT-X-PART:') && line.includes(`"${stem}0${suffix}"`));
      this.firstPartS = Number(first?.match(/DURATION=([\d.]+)/)?.[1] ?? 0) || null;
    }
  }

  /**
   * The playlist once the segment that is being written has these parts, of which the first ones may be listed already.
   * @param {ListedPart[]} parts
   */
  with(parts) {
    const { next } = this;
    if (next === null) {
      return this.#lines.join('\n');
    }
    const added = parts.slice(next.part).map(({ duration, independent }, i) =>
      `#EXT-X-PART:DURATION=${duration.toFixed(5)},URI="${next.partName(next.part + i)}"${independent ? ',INDEPENDENT=YES' : ''}`);
    const hint = `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${next.partName(Math.max(next.part, parts.length))}"`;
    return [...this.#lines, ...added, hint, ''].join('\n');
  }
}

/**
 * The same without old segments. A stretch with a discontinuity or another init segment is left whole, for players merge those badly.
 * @param {string[]} lines
 */
function shortened(lines) {
  const ends = lines.flatMap((line, i) => (line !== '' && !line.startsWith('#') ? [i] : []));
  const first = lines.findIndex((line) => /^#(EXTINF|EXT-X-PROGRAM-DATE-TIME|EXT-X-PART:|EXT-X-DATERANGE|EXT-X-DISCONTINUITY$)/.test(line));
  const skipped = ends.length - SEGMENTS_KEPT;
  if (ends.length <= SEGMENTS_MAX || first < 0 || lines.some((line) => line.startsWith('#EXT-X-SKIP'))) {
    return lines;
  }
  const from = ends[skipped - 1] + 1;
  if (lines.slice(first, from).some((line) => /^#EXT-X-(DISCONTINUITY$|MAP|GAP)/.test(line))) {
    return lines;
  }
  return [...lines.slice(0, first), `#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`, ...lines.slice(from)];
}
