/**
 * The text of the statistics panel. Pure: figures in, lines out. A missing figure is a dash, never a zero.
 */

import { ageText } from './clock.js';
import { field } from './state.js';

/**
 * @typedef {object} Playback what the page knows by itself
 * @property {number | null} latencyMs
 * @property {number} bufferS @property {number} leadS what the latency controller aims for; 0 when it does not steer
 * @property {number} rate of the video element
 * @property {number | null} fps frames shown per second
 * @property {number} dropped @property {number} frames since the page was opened
 * @property {number} width @property {number} height of the picture
 * @property {string} engine
 */

/** What stands for a figure that is not known. */
const UNKNOWN = '–';

/**
 * @param {Playback} playback
 * @param {unknown} status the body of `api/status`
 * @returns {[label: string, text: string][]}
 */
export function statsRows(playback, status) {
  const { latencyMs, bufferS, leadS, rate, fps, dropped, frames, width, height, engine } = playback;
  const aim = leadS > 0 ? ` (aims at ${ageText(leadS * 1000)})` : '';
  return [
    ['Latency', latencyMs === null ? UNKNOWN : `${Math.round(latencyMs)} ms`],
    ['Buffer', `${bufferS.toFixed(2)} s${aim}, speed ${rate.toFixed(2)}`],
    ['Frames', `${fps === null ? UNKNOWN : fps.toFixed(1)} per s, ${dropped} of ${frames} dropped`],
    ['Picture', width > 0 ? `${width}×${height}, ${engine}` : engine],
    ['Bit rate', bitrateText(field(field(status, 'window'), 'average_bps'))],
    ['Encoder', encoderText(field(status, 'encoder'))],
    ['Detection', detectionText(field(status, 'detection'))],
    ['Server delay', milliseconds(field(field(field(status, 'latency_ms'), 'total'), 'p50'))],
    ['Viewers', numberText(field(status, 'viewers'), String)],
    ['Version', typeof field(status, 'version') === 'string' ? `hlscam ${field(status, 'version')}` : UNKNOWN],
  ];
}

/**
 * Counts frames over time.
 */
export class FrameMeter {
  #at = 0;
  #frames = 0;
  /** Frames per second between the last two calls; null before there are two. @type {number | null} */
  fps = null;

  /** @param {number} now in milliseconds @param {number} frames shown so far */
  sample(now, frames) {
    const seconds = (now - this.#at) / 1000;
    // A new player counts from zero.
    this.fps = this.#at > 0 && seconds > 0 && frames >= this.#frames ? (frames - this.#frames) / seconds : null;
    this.#at = now;
    this.#frames = frames;
  }
}

/** @param {unknown} bps */
function bitrateText(bps) {
  return numberText(bps, (number) => (number >= 1e6 ? `${(number / 1e6).toFixed(2)} Mbit/s` : `${Math.round(number / 1000)} kbit/s`));
}

/** @param {unknown} encoder */
function encoderText(encoder) {
  const name = field(encoder, 'name');
  if (typeof name !== 'string' || name === '') {
    return UNKNOWN;
  }
  const load = numberText(field(encoder, 'load'), (number) => `, ${Math.round(number * 100)} % busy`);
  return `${name}${load === UNKNOWN ? '' : load}`;
}

/** @param {unknown} detection */
function detectionText(detection) {
  if (field(detection, 'fps') === 0) {
    return 'off';
  }
  const took = milliseconds(field(field(detection, 'took_ms'), 'p50'));
  return took === UNKNOWN ? UNKNOWN : `${took}, ${numberText(field(detection, 'fps'), String)} times per s`;
}

/** @param {unknown} value */
function milliseconds(value) {
  return numberText(value, (number) => `${number < 10 ? number.toFixed(1) : Math.round(number)} ms`);
}

/** @param {unknown} value @param {(number: number) => string} write */
function numberText(value, write) {
  return typeof value === 'number' && Number.isFinite(value) ? write(value) : UNKNOWN;
}
