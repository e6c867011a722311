/**
 * A segment that is still being written, asked for once and given out part by part as it comes.
 */

import { PartCutter } from './part-cutter.js';

/** @typedef {import('../shell/requests.js').Open} Open */

/** One such segment. */
export class ProgressiveSegment {
  msn;
  ended = false;
  failed = false;
  #cutter = new PartCutter();
  /** @type {import('./part-cutter.js').Cut[]} */
  #cuts = [];
  #secondsPerTick = 0;
  #cancel;
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {Open} open @param {string} url @param {number} msn its media sequence number */
  constructor(open, url, msn) {
    this.msn = msn;
    this.#cancel = open(url, {
      chunk: (bytes) => this.#came(bytes),
      end: () => {
        this.ended = true;
        this.#tell();
      },
      failed: () => this.#fail(),
    });
  }

  cancel() {
    this.#cancel();
    this.#fail();
  }

  /** How many parts are there. */
  get count() {
    return this.#cuts.length;
  }

  /** Whether the length of its parts is known. */
  get calibrated() {
    return this.#secondsPerTick > 0;
  }

  /** Its parts tell their length in ticks; how long those are follows from what a playlist says of the first. @param {number} firstPartS */
  async calibrate(firstPartS) {
    await this.reached(0);
    if (this.count > 0 && !this.calibrated) {
      this.#secondsPerTick = firstPartS / this.#cuts[0].ticks;
      this.#tell();
    }
  }

  /** Parts as a playlist lists them; none before the first is calibrated. @returns {import('./live-playlist.js').ListedPart[]} */
  get parts() {
    return this.calibrated ? this.#cuts.map(({ ticks, independent }) => ({ duration: ticks * this.#secondsPerTick, independent })) : [];
  }

  /** Waits for a part, or until none will come any more. @param {number} number @returns {Promise<boolean>} whether it is there */
  async reached(number) {
    while (this.count <= number && !this.ended && !this.failed) {
      await new Promise((wake) => this.#waiting.push(() => wake(undefined)));
    }
    return this.count > number;
  }

  /** A copy of the bytes of a part, for the caller may keep them; null when it does not come. @param {number} number */
  async bytes(number) {
    return (await this.reached(number)) ? this.#cuts[number].bytes.slice().buffer : null;
  }

  /** @param {Uint8Array} bytes */
  #came(bytes) {
    try {
      this.#cuts.push(...this.#cutter.push(bytes));
      this.#tell();
    } catch {
      this.cancel();
    }
  }

  #fail() {
    this.failed = !this.ended;
    this.#tell();
  }

  #tell() {
    this.#waiting.splice(0).forEach((wake) => wake());
  }
}
