/**
 * How far behind the newest part the playhead should stand, and how to get it there.
 *
 * Pure: arrivals and positions come in as seconds on any one steady clock, a decision comes out. Only live-rate.js calls it.
 *
 * A part arrives `delay` after the media time of its end (on clocks that differ by a constant, which cancels out). The playhead must
 * stay behind the least delay by one part, for the next part is not there before that, and by a lead that swallows what parts come
 * late. So the place to be is known at every instant, without waiting for the buffer's ebb.
 */

/** The lead a join begins with, in parts: enough for a quiet network that has not been measured yet. */
const START_PARTS = 1.5;
/** The least lead, in parts and in seconds: a decoder that gets less runs dry by a busy processor alone. */
const FLOOR_PARTS = 1;
const FLOOR_S = 0.15;
/** The most lead, in parts and in seconds: one long outage must not leave a viewer far behind for minutes. */
const CEILING_PARTS = 3;
const CEILING_S = 1;
/** What is kept above the lateness that was measured. */
const GUARD_S = 0.1;
/** The lead rises at once and sinks by half in this time: a Wi-Fi that hiccups every few seconds keeps its lead. */
const HALF_LIFE_S = 15;
/** How long an arrival counts as evidence of the least delay, and how many are kept at most (30 s of 100 ms parts). */
const WINDOW_S = 30;
const ARRIVALS_MAX = 300;
/** Arrivals at the edge after which the delay is known well enough to act; the first may have been fetched late. */
const JOIN_ARRIVALS = 3;
/** At the join, a distance worth a seek rather than seconds of another speed. */
const JOIN_SEEK_S = 0.1;
/** Afterwards, a distance that the gentle rates would take too long to close. */
const FAR_S = 1;
/** A seek lands at least this far before the end of the buffer, else it would stall. */
const SEEK_ROOM_S = 0.1;
/** Time for a seek to take effect before another. */
const SEEK_PAUSE_S = 1;
/** Rates that no viewer notices. */
const RATE_MIN = 0.95;
const RATE_MAX = 1.08;
/** Rate per second of distance. */
const GAIN = 0.4;
/** A correction begins beyond the first distance and ends within the second, so that the rate does not flicker. */
const BEGIN_S = 0.04;
const END_S = 0.01;
/** Rates are set in steps, as each change costs the browser some work. */
const RATE_STEP = 0.01;

/**
 * @typedef {object} Decision
 * @property {number} rate the playback rate to set
 * @property {number | null} seekTo the position to jump to, or null to stay
 */

/** Holds the playhead at a small and steady distance from the live edge. One per playback; `reset` at every break. */
export class LatencyController {
  /** @type {{at: number, delay: number}[]} */
  #arrivals = [];
  #part = 0;
  #lead = 0;
  #atEdge = false;
  #joined = false;
  #rate = 1;
  #soughtAt = -Infinity;

  /** Forgets the connection but keeps what was learned of its jitter: the same network is met again after a break. */
  reset() {
    this.#arrivals = [];
    this.#atEdge = false;
    this.#joined = false;
    this.#rate = 1;
  }

  /** Seconds of buffer aimed for when the next part arrives; 0 before the first part. */
  get lead() {
    return this.#lead;
  }

  /**
   * A part was appended. Parts fetched to catch up with the edge say nothing of the network's delay and are left out.
   * @param {{now: number, end: number, duration: number, newest: boolean}} part `end`: end of the buffer; `duration`: the longest a
   *   part can be; `newest`: whether it was the last in the playlist when it came
   */
  partArrived({ now, end, duration, newest }) {
    this.#atEdge ||= newest;
    if (!this.#atEdge || !(duration > 0)) {
      return;
    }
    if (duration !== this.#part) {
      this.#part = duration;
      this.#lead = START_PARTS * duration;
    }
    const before = this.#arrivals.at(-1)?.at ?? now;
    this.#arrivals.push({ at: now, delay: now - end });
    while (this.#arrivals[0].at < now - WINDOW_S || this.#arrivals.length > ARRIVALS_MAX) {
      this.#arrivals.shift();
    }
    const floor = this.#floor();
    const sunk = floor + (this.#lead - floor) * 0.5 ** ((now - before) / HALF_LIFE_S);
    // The first arrivals of a join are late because they were asked for late, not because the network is uneven.
    const late = this.#joined ? now - end - this.#leastDelay() : 0;
    this.#lead = Math.min(this.#ceiling(), Math.max(sunk, late + GUARD_S));
  }

  /** The picture stood still although parts came in time: the device needs more room than the network does. */
  stalled() {
    this.#lead = Math.min(this.#ceiling(), this.#lead + this.#part / 2);
  }

  /**
   * What to do now.
   * @param {{now: number, position: number, end: number}} playhead `end`: end of the buffer that holds `position`
   * @returns {Decision}
   */
  decide({ now, position, end }) {
    if (this.#arrivals.length < JOIN_ARRIVALS) {
      return { rate: 1, seekTo: null };
    }
    const wanted = now - this.#leastDelay() - this.#part - this.#lead;
    const distance = wanted - position;
    const far = this.#joined ? FAR_S : JOIN_SEEK_S;
    this.#joined = true;
    const target = Math.min(wanted, end - SEEK_ROOM_S);
    if (distance > far && target - position > far / 2 && now - this.#soughtAt > SEEK_PAUSE_S) {
      this.#soughtAt = now;
      this.#rate = 1;
      return { rate: 1, seekTo: target };
    }
    this.#rate = rateFor(distance, this.#rate);
    return { rate: this.#rate, seekTo: null };
  }

  #leastDelay() {
    return this.#arrivals.reduce((least, { delay }) => Math.min(least, delay), Infinity);
  }

  #floor() {
    return Math.max(FLOOR_S, FLOOR_PARTS * this.#part);
  }

  #ceiling() {
    return Math.max(CEILING_S, CEILING_PARTS * this.#part);
  }
}

/**
 * @param {number} distance seconds to make up; negative when too near to the edge
 * @param {number} rate the rate set now
 */
function rateFor(distance, rate) {
  if (Math.abs(distance) < (rate === 1 ? BEGIN_S : END_S)) {
    return 1;
  }
  const exact = Math.min(RATE_MAX, Math.max(RATE_MIN, 1 + GAIN * distance));
  const stepped = Math.round(exact / RATE_STEP) * RATE_STEP;
  // A correction under way keeps at least one step until it is done.
  const step = stepped === 1 ? Math.sign(distance) * RATE_STEP : 0;
  return Number((stepped + step).toFixed(2));
}
