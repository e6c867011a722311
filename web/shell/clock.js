/**
 * The server's clock as seen from here, and times in words.
 *
 * Pure: local times come in as milliseconds on a steady clock (`performance.now()`), so a browser's wrong wall clock does no harm.
 */

/** Samples kept: the best of them is used, and a clock that drifts is followed within this many refreshes. */
const SAMPLES_MAX = 8;
/** What clocks may drift apart while the samples are kept; two that differ by more than it and their round trips show a clock that was set. */
const DRIFT_MS = 100;

/** The server's clock, from the answers of `GET time`. */
export class ServerClock {
  /** @type {{offset: number, roundTrip: number}[]} */
  #samples = [];

  /**
   * Adds one answer. The server read its clock somewhere within the round trip; the middle is the best guess, and off by at most half
   * the round trip.
   * @param {number} sent @param {number} received @param {string} text RFC 3339
   */
  sample(sent, received, text) {
    const server = Date.parse(text.trim());
    if (Number.isNaN(server) || received < sent) {
      return;
    }
    const newest = { offset: server - (sent + received) / 2, roundTrip: received - sent };
    this.#samples = this.#samples.filter(({ offset, roundTrip }) => Math.abs(offset - newest.offset) <= (roundTrip + newest.roundTrip) / 2 + DRIFT_MS);
    this.#samples.push(newest);
    if (this.#samples.length > SAMPLES_MAX) {
      this.#samples.shift();
    }
  }

  /** Forgets every answer: the local clock stood still while the device slept, or another server answers now. */
  reset() {
    this.#samples = [];
  }

  /**
   * The server's time in Unix milliseconds, or null before the first answer.
   * @param {number} local
   */
  at(local) {
    const best = this.#samples.reduce(
      (least, sample) => (least === null || sample.roundTrip < least.roundTrip ? sample : least),
      /** @type {{offset: number, roundTrip: number} | null} */ (null),
    );
    return best === null ? null : local + best.offset;
  }
}

/**
 * An age in words: tenths below ten seconds, where they matter.
 * @param {number} ms
 */
export function ageText(ms) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) {
    return `${hours} h ${minutes} min`;
  }
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/**
 * A time of day in the viewer's own zone and habit, with the date when it is not today.
 * @param {Date} date @param {Date} today
 */
export function clockText(date, today) {
  const time = date.toLocaleTimeString();
  return date.toDateString() === today.toDateString() ? time : `${date.toLocaleDateString()} ${time}`;
}

/** Above the first length, lengths are written in multiples of the second. */
const ROUGHLY_MS = [[5 * 3_600_000, 3_600_000], [2 * 3_600_000, 1_800_000], [120_000, 60_000], [0, 10_000]];

/** A length that is good enough to be read, and does not change with every second. @param {number} ms */
export function roughly(ms) {
  const grain = ROUGHLY_MS.find(([above]) => ms >= above)?.[1] ?? 1000;
  return Math.round(ms / grain) * grain;
}

/**
 * A length of time in words.
 * @param {number} ms
 */
export function durationText(ms) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) {
    return `${Number(seconds.toFixed(1))} s`;
  }
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) {
    return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  }
  if (minutes === 0) {
    return `${whole} s`;
  }
  return whole % 60 > 0 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
}
