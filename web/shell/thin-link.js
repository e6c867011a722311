/**
 * Whether the stream comes slower than it is made: no buffer and no distance helps on a link that is too thin for it. Pure.
 */

/** Media that came is compared with the time that it took over this long: a Wi-Fi that hiccups is not thin. */
const WATCHED_MS = 10_000;
/** Less media than this of the time is too little, and this much is enough again. */
const TOO_LITTLE = 0.85;
const ENOUGH = 0.95;
/** A link is not called thin before the newest picture that has come is this old: a stream that stutters by itself stays young. */
const OLD_MS = 4000;

/** Looks at what comes. */
export class ThinLink {
  /** @type {{at: number, newestMs: number | null}[]} */
  #samples = [];
  #thin = false;

  /** Forgets what came: the page was hidden, paused or in the past, or another engine plays. */
  reset() {
    this.#samples = [];
    this.#thin = false;
  }

  /**
   * To be told a few times a second while the live picture is wanted and the camera gives one.
   * @param {object} seen
   * @param {number} seen.at milliseconds of a steady clock
   * @param {number | null} seen.newestMs capture time of the newest picture that came; null before the first
   * @param {number | null} seen.serverMs the server's time; null while it is not known
   * @returns {boolean} whether the link is too thin
   */
  look({ at, newestMs, serverMs }) {
    this.#samples.push({ at, newestMs });
    while (this.#samples.length > 1 && this.#samples[1].at <= at - WATCHED_MS) {
      this.#samples.shift();
    }
    const [first] = this.#samples;
    const took = at - first.at;
    if (took < WATCHED_MS || serverMs === null) {
      return this.#thin;
    }
    const came = newestMs === null ? 0 : first.newestMs === null ? took : newestMs - first.newestMs;
    if (this.#thin) {
      this.#thin = came < took * ENOUGH;
    } else {
      this.#thin = came < took * TOO_LITTLE && (newestMs === null || serverMs - newestMs > OLD_MS);
    }
    return this.#thin;
  }
}
