/**
 * The markers that the page knows of, and what is shown of them. Pure: markers and events come in as `api/markers` and `api/events`
 * write them.
 */

/** Markers kept: a camera that sees thousands of faces a day must not fill the browser. The oldest go first. */
export const MARKERS_MAX = 20_000;

/**
 * @typedef {object} Marker
 * @property {string} id
 * @property {string} kind
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
  /** Ids that came live rather than with a list, until they are told. @type {Set<string>} */
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
    this.#changed();
  }

  /** One marker, new or changed. @param {unknown} item */
  put(item) {
    const id = this.#put(item);
    if (id !== null) {
      this.#changed();
    }
    return id;
  }

  /** A marker that begins while one watches. @param {unknown} item */
  begin(item) {
    const before = this.#byId.size;
    const id = this.put(item);
    if (id !== null && this.#byId.size > before) {
      this.#fresh.add(id);
    }
  }

  /** @param {string} id */
  remove(id) {
    if (this.#byId.delete(id)) {
      this.#changed();
    }
  }

  /** Those that ended before the window began have left with it. @param {number} start */
  forgetBefore(start) {
    const gone = this.all.filter(({ end }) => end !== null && end < start);
    gone.push(...this.all.slice(0, Math.max(0, this.all.length - MARKERS_MAX)));
    for (const { id } of gone) {
      this.#byId.delete(id);
    }
    if (gone.length > 0) {
      this.#changed();
    }
  }

  /** Whether this marker came live and is asked about for the first time. @param {string} id */
  isNews(id) {
    return this.#fresh.delete(id);
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
  const { id, kind, text, begin, end, count, box } = /** @type {Record<string, any>} */ (item ?? {});
  const from = Date.parse(begin);
  if (typeof id !== 'string' || typeof kind !== 'string' || Number.isNaN(from)) {
    return null;
  }
  const to = Date.parse(end ?? '');
  const best = Date.parse(box?.at ?? '');
  return {
    id,
    kind,
    text: typeof text === 'string' && text !== '' ? text : null,
    begin: from,
    end: Number.isNaN(to) ? null : Math.max(from, to),
    count: typeof count === 'number' ? count : null,
    bestAt: Number.isNaN(best) ? from : best,
  };
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

/**
 * A kind in words.
 * @param {string} kind
 */
export function kindText(kind) {
  const words = kind.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
