/**
 * Where markers stand on the seek bar. Pure: lengths are CSS pixels.
 */

/** The narrowest span that can be seen and hit. */
const WIDTH_MIN = 3;
/** Spans of a kind that come nearer to each other than this are drawn as one. */
const GAP_MIN = 1;

/** Colours that the style sheet has for kinds: `--kind-0` and so on. */
export const COLOURS = 6;
/** Kinds that have a colour of their own; others get one by their name, so that it is the same tomorrow. */
const FIRST_KINDS = ['face', 'note', 'motion', 'person'];

/** The number of a kind's colour. @param {string} kind */
export function colourOf(kind) {
  const known = FIRST_KINDS.indexOf(kind);
  return known >= 0 ? known : [...kind].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % COLOURS;
}

/**
 * @typedef {object} Span
 * @property {string} kind
 * @property {number} left
 * @property {number} width
 * @property {boolean} open it reaches to now
 * @property {number} markers how many are drawn as this one
 */

/**
 * The spans of each kind within a view, from left to right, and never more than there is room for.
 * @param {readonly import('./marker-store.js').Marker[]} markers by their beginnings
 * @param {import('../timeline/timeline.js').Stretch} view
 * @param {number} width of the bar
 * @param {number} now where open markers end
 * @param {ReadonlySet<string>} hidden kinds
 * @param {number} seen where those end that only a camera could go on to see; earlier than now while it is gone
 * @returns {Map<string, Span[]>} by kind
 */
export function spansOf(markers, { from, to }, width, now, hidden, seen = now) {
  /** @type {Map<string, Span[]>} */
  const rows = new Map();
  const perMs = width / Math.max(1, to - from);
  for (const { kind, detected, begin, end } of markers) {
    const until = end ?? Math.max(begin, detected ? seen : now);
    if (hidden.has(kind) || until < from || begin > to) {
      continue;
    }
    const left = Math.max(0, (begin - from) * perMs);
    const right = Math.max(left + WIDTH_MIN, Math.min(width, (until - from) * perMs));
    const row = rows.get(kind) ?? [];
    rows.set(kind, row);
    const last = row[row.length - 1];
    if (last !== undefined && left - (last.left + last.width) < GAP_MIN) {
      last.width = Math.max(last.left + last.width, right) - last.left;
      last.open ||= end === null;
      last.markers += 1;
    } else {
      row.push({ kind, left, width: right - left, open: end === null, markers: 1 });
    }
  }
  return rows;
}

/**
 * The markers under a moment of the bar, newest first.
 * @param {readonly import('./marker-store.js').Marker[]} markers
 * @param {number} at
 * @param {number} reachMs how far beside it still counts
 * @param {number} now
 * @param {ReadonlySet<string>} hidden
 * @param {number} seen as above
 */
export function markersAt(markers, at, reachMs, now, hidden, seen = now) {
  return markers
    .filter(({ kind, detected, begin, end }) => !hidden.has(kind) && begin - reachMs <= at && at <= (end ?? (detected ? seen : now)) + reachMs)
    .reverse();
}
