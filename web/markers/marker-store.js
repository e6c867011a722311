/**
 * The markers that the page knows of, and what is shown of them. Pure: markers and events come in as `api/markers` and `api/events`
 * write them.
 */

/** Markers kept: a camera that sees thousands of faces a day must not fill the browser. The oldest go first. */
export const MARKERS_MAX = 20_000;
/** More than that are forgotten together, so that each new one costs little. */
const SLACK = 1000;

/**
 * @typedef {object} Marker
 * @property {string} id
 * @property {string} kind
 * @property {boolean} detected by the camera's own detector, not by a client and not for want of a picture
 * @property {string | null} text
 * @property {number} begin Unix milliseconds
 * @property {number | null} end null while it is open
 * @property {number | null} count the most at once
 * @property {number} bestAt when it was seen best
 */

/** Markers by their id, in the order of their beginnings. */
export class MarkerStore {
  /** @type {Map<string, Marker>} */
  #byId = new Map();
  /** @type {Marker[] | null} */
  #sorted = null;
  /** Ids that came live rather than with a list, until the list has been shown with them. @type {Set<string>} */
  #fresh = new Set();
  #version = 0;

  /** Grows with every change. */
  get version() {
    return this.#version;
  }

  /** All markers, by their beginnings. @returns {readonly Marker[]} */
  get all() {
    this.#sorted ??= [...this.#byId.values()].sort((a, b) => a.begin - b.begin);
    return this.#sorted;
  }

  /** Every kind there is, in alphabetical order. */
  get kinds() {
    return [...new Set(this.all.map(({ kind }) => kind))].sort();
  }

  /** Everything that was known is replaced by what the server lists. @param {unknown[]} listed */
  replace(listed) {
    this.#byId = new Map();
    for (const item of listed) {
      this.#put(item);
    }
    for (const id of this.#fresh) {
      if (!this.#byId.has(id)) {
        this.#fresh.delete(id);
      }
    }
    this.#changed();
  }

  /** One marker, new or changed. @param {unknown} item */
  put(item) {
    const id = this.#put(item);
    if (id !== null) {
      this.#changed();
      this.#forgetOldest(SLACK);
    }
    return id;
  }

  /** A marker that begins while one watches. @param {unknown} item */
  begin(item) {
    const marker = markerOf(item);
    const isNew = marker !== null && !this.#byId.has(marker.id);
    this.put(item);
    if (isNew && this.#byId.has(marker.id)) {
      this.#fresh.add(marker.id);
    }
  }

  /** @param {string} id */
  remove(id) {
    if (this.#byId.has(id)) {
      this.#forget([id]);
    }
  }

  /** Those that ended before the window began have left with it. @param {number} start */
  forgetBefore(start) {
    this.#forget(this.all.filter(({ end }) => end !== null && end < start).map(({ id }) => id));
    this.#forgetOldest(0);
  }

  /** Whether this marker came live and is asked about for the first time. @param {string} id */
  isNews(id) {
    return this.#fresh.delete(id);
  }

  /** The list is shown: what is hidden in it now will be no news when it is shown later. */
  told() {
    this.#fresh.clear();
  }

  /** Keeps the limit, but for so many. @param {number} slack */
  #forgetOldest(slack) {
    if (this.#byId.size > MARKERS_MAX + slack) {
      this.#forget(this.all.slice(0, this.#byId.size - MARKERS_MAX).map(({ id }) => id));
    }
  }

  /** @param {string[]} ids */
  #forget(ids) {
    for (const id of ids) {
      this.#byId.delete(id);
      this.#fresh.delete(id);
    }
    if (ids.length > 0) {
      this.#changed();
    }
  }

  /** @param {unknown} item */
  #put(item) {
    const marker = markerOf(item);
    if (marker !== null) {
      this.#byId.set(marker.id, marker);
    }
    return marker?.id ?? null;
  }

  #changed() {
    this.#sorted = null;
    this.#version += 1;
  }
}

/**
 * A marker as the server writes it. Null for what is none, so that one odd entry spoils nothing.
 * @param {unknown} item
 * @returns {Marker | null}
 */
export function markerOf(item) {
  const { id, kind, text, source, begin, end, count, box } = /** @type {Record<string, any>} */ (item ?? {});
  const from = Date.parse(begin);
  if (typeof id !== 'string' || typeof kind !== 'string' || Number.isNaN(from)) {
    return null;
  }
  const to = Date.parse(end ?? '');
  const best = Date.parse(box?.at ?? '');
  return {
    id,
    kind,
    detected: source === 'detector' && kind !== 'camera-lost',
    text: typeof text === 'string' && text !== '' ? text : null,
    begin: from,
    end: Number.isNaN(to) ? null : Math.max(from, to),
    count: typeof count === 'number' ? count : null,
    bestAt: Number.isNaN(best) ? from : best,
  };
}

/** Between two key frames the nearer one is shown. */
const HALF_MS = 500;

/**
 * The moment whose picture shows what a marker is about. The picture of a moment is the key frame before it, and they come `keyFrameMs`
 * apart: the first key frame of all that the marker lasts is the earliest that can show it, and one too short to have any is shown by the
 * nearest.
 * @param {Marker} marker
 * @param {number} keyFrameMs
 */
export function pictureAt({ begin, end, bestAt }, keyFrameMs) {
  const first = begin + keyFrameMs;
  return end !== null && end < first ? begin + HALF_MS : Math.min(Math.max(bestAt + HALF_MS, first), end ?? Infinity);
}

/**
 * The newest markers of the kinds that are not hidden, newest first, and how many more there are.
 * @param {readonly Marker[]} markers by their beginnings
 * @param {ReadonlySet<string>} hidden
 * @param {number} most
 * @returns {{shown: Marker[], more: number}}
 */
export function newestOf(markers, hidden, most) {
  const visible = markers.filter(({ kind }) => !hidden.has(kind));
  return { shown: visible.slice(-most).reverse(), more: Math.max(0, visible.length - most) };
}

/** Nothing but blanks, and characters that nobody sees. */
const BLANK = /^[\s\p{Cc}\p{Cf}]*$/u;

/** Whether a text says nothing. @param {string} text */
export function isBlank(text) {
  return BLANK.test(text);
}

/**
 * A kind in words.
 * @param {string} kind
 */
export function kindText(kind) {
  const words = kind.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
