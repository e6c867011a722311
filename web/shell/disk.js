/**
 * How much of the past the server's disk has, in words. Pure.
 */

import { durationText } from './clock.js';
import { field } from './state.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
/** Of less footage no rate is derived: it would jump. */
const RATE_MIN_MS = 2 * MINUTE_MS;
/** A history that is full deletes a file at a time, of 64 MB at most, and fills that room again. */
const FULL_BYTES = 128_000_000;
/** The same for a small one, as a share of all its room. */
const FULL_SHARE = 0.1;

/**
 * @typedef {object} Kept
 * @property {number} footageMs how much footage there is
 * @property {number | null} bytes that it takes; null while that is not known
 * @property {string | null} trouble why nothing is kept at the moment
 * @property {{window_s: number, bytes_max: number | null, min_free: number, free: number | null} | null} disk as `api/history` has it
 */

/**
 * One line: what is there, what it takes, and which limit comes first. Empty where nothing is kept on a disk.
 * @param {Kept} kept
 */
export function diskText({ footageMs, bytes, trouble, disk }) {
  if (disk === null) {
    return '';
  }
  if (trouble !== null) {
    return `Nothing is kept at the moment: ${trouble}`;
  }
  const length = `${daysText(footageMs)} kept`;
  return bytes === null ? length : [length, sizesText(bytes, disk), limitText(footageMs, bytes, disk)].filter((part) => part !== '').join(', ');
}

/** What the status says of the history. @param {unknown} status @returns {Pick<Kept, 'bytes' | 'trouble'>} */
export function historyOf(status) {
  const history = field(status, 'history');
  const [bytes, trouble] = [field(history, 'bytes'), field(history, 'trouble')];
  return { bytes: typeof bytes === 'number' ? bytes : null, trouble: typeof trouble === 'string' ? trouble : null };
}

/** @param {number} bytes @param {NonNullable<Kept['disk']>} disk */
function sizesText(bytes, { bytes_max: most, free }) {
  if (most !== null) {
    return `${sizeText(bytes)} of ${sizeText(most)}`;
  }
  return free === null ? sizeText(bytes) : `${sizeText(bytes)}, ${sizeText(free)} free`;
}

/** @param {number} footageMs @param {number} bytes @param {NonNullable<Kept['disk']>} disk */
function limitText(footageMs, bytes, { window_s: windowS, bytes_max: most, min_free: minFree, free }) {
  const room = Math.max(0, Math.min(most === null ? Infinity : most - bytes, free === null ? Infinity : free - minFree));
  if (room < Math.min(FULL_BYTES, FULL_SHARE * (bytes + room))) {
    return 'full: the oldest goes';
  }
  const fullMs = footageMs < RATE_MIN_MS ? Infinity : (room / bytes) * footageMs;
  if (windowS * 1000 - footageMs <= fullMs) {
    return `for ${daysText(windowS * 1000)} at most`;
  }
  return `full in about ${roughText(fullMs)}`;
}

/** A size with two figures or more. @param {number} bytes */
export function sizeText(bytes) {
  let [size, unit] = [bytes, 0];
  while (size >= 999.5 && unit < UNITS.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${size < 9.95 && unit > 0 ? Number(size.toFixed(1)) : Math.round(size)} ${UNITS[unit]}`;
}

/** A length to the hour, and below a day to the minute. @param {number} ms */
export function daysText(ms) {
  if (ms < DAY_MS) {
    return durationText(ms < MINUTE_MS ? ms : Math.floor(ms / MINUTE_MS) * MINUTE_MS);
  }
  const hours = Math.floor(ms / HOUR_MS);
  const [days, rest] = [Math.floor(hours / 24), hours % 24];
  return `${counted(days, 'day')}${rest > 0 ? ` ${rest} h` : ''}`;
}

/** A length that is an estimate. @param {number} ms */
function roughText(ms) {
  if (ms >= 2 * DAY_MS) {
    return counted(Math.round(ms / DAY_MS), 'day');
  }
  return ms >= 2 * HOUR_MS ? `${Math.round(ms / HOUR_MS)} h` : `${Math.max(1, Math.round(ms / MINUTE_MS))} min`;
}

/** @param {number} count @param {string} what */
function counted(count, what) {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
