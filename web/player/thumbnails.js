/**
 * Small pictures of moments: made one after another, kept while they are likely to be wanted again. Pure but for the function that makes them.
 */

/** Key frames, which are all that thumbnails are made of, come about once a second. */
export const GRAIN_MS = 1000;
/** Pictures kept: a list full of them and a sweep of the bar, in some 6 MB. */
export const KEPT_MAX = 80;
/** Most pictures that wait; the oldest request gets none. */
const WAITING_MAX = 40;

/**
 * @template Picture
 * @typedef {object} Wish
 * @property {number} at
 * @property {((picture: Picture | null) => void)[]} tell
 */

/** @template Picture */
export class Thumbnails {
  #make;
  #keyOf;
  /** In order of their last use. @type {Map<number, Picture>} */
  #kept = new Map();
  /** @type {Wish<Picture>[]} */
  #waiting = [];
  #busy = false;

  /**
   * @param {(at: number) => Promise<Picture | null>} make a picture of that moment; null when there is none now
   * @param {(at: number) => number} keyOf the same for all moments that have the same picture
   */
  constructor(make, keyOf = grainOf) {
    this.#make = make;
    this.#keyOf = keyOf;
  }

  /** The picture of a moment if it is there already. @param {number} at @returns {Picture | null} */
  kept(at) {
    const key = this.#keyOf(at);
    const picture = this.#kept.get(key) ?? null;
    if (picture !== null) {
      this.#kept.delete(key);
      this.#kept.set(key, picture);
    }
    return picture;
  }

  /**
   * A picture of a moment, or null when there is none or too many others were wanted since. The last wish is granted first: it is for
   * what the user looks at.
   * @param {number} at
   * @returns {Promise<Picture | null>}
   */
  of(at) {
    const kept = this.kept(at);
    if (kept !== null) {
      return Promise.resolve(kept);
    }
    return new Promise((tell) => {
      const key = this.#keyOf(at);
      const same = this.#waiting.findIndex((wish) => this.#keyOf(wish.at) === key);
      const [wish] = same >= 0 ? this.#waiting.splice(same, 1) : [{ at, tell: [] }];
      wish.tell.push(tell);
      this.#waiting.push(wish);
      if (this.#waiting.length > WAITING_MAX) {
        this.#waiting.shift()?.tell.forEach((done) => done(null));
      }
      void this.#work();
    });
  }

  async #work() {
    if (this.#busy) {
      return;
    }
    this.#busy = true;
    for (let wish = this.#waiting.pop(); wish !== undefined; wish = this.#waiting.pop()) {
      const picture = await this.#make(wish.at).catch(() => null);
      if (picture !== null) {
        this.#keep(wish.at, picture);
      }
      wish.tell.forEach((done) => done(picture));
    }
    this.#busy = false;
  }

  /** @param {number} at @param {Picture} picture */
  #keep(at, picture) {
    this.#kept.set(this.#keyOf(at), picture);
    for (const key of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_MAX) {
        break;
      }
      this.#kept.delete(key);
    }
  }
}

/** @param {number} at */
function grainOf(at) {
  return Math.floor(at / GRAIN_MS);
}
