/**
 * Where key frames are, as the I-frame playlist (RFC 8216bis §4.4.3.6) and the init segment tell it. Pure.
 */

import { bisectLast } from './bisect.js';

/**
 * @typedef {object} KeyFrame
 * @property {string} key names it among all
 * @property {string} url of the segment that has it
 * @property {number} from @property {number} length bytes of it
 * @property {string} initUrl
 * @property {number} capturedMs
 */

/**
 * The key frames that an I-frame playlist lists, in their order. A frame without a date of its own follows the one before it.
 * @param {string} text @param {string} base the playlist's own address
 * @returns {KeyFrame[]}
 */
export function keyFramesOf(text, base) {
  /** @type {KeyFrame[]} */
  const frames = [];
  let [initUrl, date, duration] = ['', NaN, 0];
  /** @type {number[]} */
  let range = [];
  for (const line of text.split('\n')) {
    const value = line.slice(line.indexOf(':') + 1);
    if (line.startsWith('#EXT-X-MAP:')) {
      initUrl = new URL(value.match(/URI="([^"]*)"/)?.[1] ?? '', base).href;
    } else if (line.startsWith('#EXT-X-PROGRAM-DATE-TIME:')) {
      date = Date.parse(value);
    } else if (line.startsWith('#EXTINF:')) {
      duration = Number.parseFloat(value);
    } else if (line.startsWith('#EXT-X-BYTERANGE:')) {
      range = value.split('@').map(Number);
    } else if (line !== '' && !line.startsWith('#')) {
      const [length, from] = range;
      const url = new URL(line, base).href;
      if (initUrl !== '' && from >= 0 && !Number.isNaN(date)) {
        frames.push({ key: `${url}@${from}`, url, from, length, initUrl, capturedMs: date });
      }
      date += duration * 1000;
    }
  }
  return frames;
}

/**
 * The last frame that was captured by then, or null.
 * @param {readonly KeyFrame[]} frames @param {number} at
 */
export function keyFrameAt(frames, at) {
  return frames[bisectLast(frames, ({ capturedMs }) => capturedMs <= at)] ?? null;
}

/**
 * The codec that an init segment is for, as `isTypeSupported` wants it (RFC 6381 §3.3); null when it is not H.264.
 * @param {Uint8Array} init
 */
export function codecOf(init) {
  const name = [...'avcC'].map((letter) => letter.charCodeAt(0));
  const at = init.findIndex((_, i) => name.every((byte, j) => init[i + j] === byte));
  // Behind the name stand the version of the record, the profile, its constraints and the level (ISO/IEC 14496-15 §5.3.3.1).
  const level = at < 0 ? [] : [...init.subarray(at + 5, at + 8)];
  return level.length < 3 ? null : `avc1.${level.map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
