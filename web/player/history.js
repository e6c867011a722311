/**
 * What is kept of the camera, as far as the server's disk has it: more than the stream's own playlist lists.
 */

/** How often the server is asked where it keeps a history; the rest is counted on from there. */
const ASK_MS = 60_000;
/** Longest wait for an answer. */
const PATIENCE_MS = 10_000;

/**
 * @typedef {object} Report the body of `api/history`
 * @property {string | null} listed_from
 * @property {{from: string, to: string}[]} footage
 * @property {{window_s: number, bytes_max: number | null, min_free: number, free: number | null} | null} disk
 */

/** @typedef {{from: number, to: number}} Stretch */

/** Event: `change` when it was told anew. */
export class History extends EventTarget {
  #url;
  /** @type {Stretch[]} */
  #footage = [];
  #listedFrom = Infinity;
  #toldAt = 0;
  /** Whether the server has answered, or did not in time. */
  isKnown = false;
  /** @type {Report['disk']} */
  disk = null;

  /** @param {string} url */
  constructor(url) {
    super();
    this.#url = url;
  }

  /** Asks, and goes on to ask where a disk keeps it. */
  async start() {
    const answer = await fetch(this.#url, { signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => null);
    const report = answer?.ok ? await answer.json().catch(() => null) : null;
    this.isKnown = true;
    if (report !== null) {
      this.learn(report, performance.now());
      this.dispatchEvent(new Event('change'));
    }
    if (report === null || this.disk !== null) {
      setTimeout(() => void this.start(), ASK_MS);
    }
  }

  /** @param {Report} report @param {number} now on a steady clock */
  learn({ listed_from: listed, footage, disk }, now) {
    this.disk = disk;
    // In memory alone there is what the playlist lists.
    this.#footage = disk === null ? [] : footage.map(({ from, to }) => ({ from: Date.parse(from), to: Date.parse(to) }));
    this.#listedFrom = listed === null ? Infinity : Date.parse(listed);
    this.#toldAt = now;
  }

  /** Times of which there is footage, first to last; none where only the playlist knows. @returns {readonly Stretch[]} */
  get footage() {
    return this.#footage;
  }

  /** How much footage there is. */
  get lengthMs() {
    return this.#footage.reduce((sum, { from, to }) => sum + to - from, 0);
  }

  /** The first moment that is kept; null where only the playlist knows. */
  get startMs() {
    return this.#footage[0]?.from ?? null;
  }

  /** When the stream's own playlist begins by now: it slides along. @param {number} now */
  listedFrom(now) {
    return this.#listedFrom + (now - this.#toldAt);
  }

  /**
   * The moment itself if there is footage of it, else where the next begins, else where the last ends.
   * @param {number} ms
   */
  nearest(ms) {
    const next = this.#footage.find(({ to }) => to > ms);
    return next === undefined ? ms : Math.max(ms, next.from);
  }
}
