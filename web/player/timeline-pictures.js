/**
 * The small pictures of the timeline: key frames, kept by thumbnails.js.
 */

import { bisectLast } from './bisect.js';
import { GRAIN_MS, Thumbnails } from './thumbnails.js';

/** Width of a picture in device pixels: sharp in the preview, of which the list's are halves. */
const WIDTH = 240;
/** Longest wait for one, with the list of key frames. */
const PATIENCE_MS = 5000;
/** The newest picture that is worth asking for: the playlist of key frames lists whole segments only. */
const NEWEST_MS = 2500;

/** @typedef {Pick<import('hls.js').Fragment, 'programDateTime'>} Dated */

/**
 * When the key frame was captured that is shown at a moment: each segment begins with one, and has more at the distance that they come
 * at. Pure.
 * @param {readonly Dated[]} segments in their order
 * @param {number} at
 */
export function keyFrameOf(segments, at) {
  const last = bisectLast(segments, ({ programDateTime }) => (programDateTime ?? Infinity) <= at);
  const start = segments[Math.max(0, last)]?.programDateTime ?? 0;
  return start + Math.floor((at - start) / GRAIN_MS) * GRAIN_MS;
}

/** Draws the pictures of a player's window. */
export class TimelinePictures {
  #player;
  #history;
  #keyFrames;
  /** @type {Thumbnails<HTMLCanvasElement>} */
  thumbnails;

  /** @param {import('./player.js').Player} player @param {import('./history.js').History} history @param {import('./key-frames.js').KeyFrames} keyFrames */
  constructor(player, history, keyFrames) {
    this.#player = player;
    this.#history = history;
    this.#keyFrames = keyFrames;
    this.thumbnails = new Thumbnails((at) => this.#draw(at), (at) => keyFrameOf(player.hls?.latestLevelDetails?.fragments ?? [], at));
  }

  /** The moments that a picture can be had of; none before the live picture is there, which comes first. */
  get range() {
    const { window, captureTime, paused } = this.#player;
    return window && 'MediaSource' in globalThis && (paused || captureTime !== null) ? { from: window.startMs, to: window.endMs - NEWEST_MS } : null;
  }

  /** @param {number} at @returns {Promise<HTMLCanvasElement | null>} null when it cannot be had */
  async #draw(at) {
    const { range } = this;
    if (range === null || at < range.from || at > range.to || this.#history.nearest(at) > at) {
      return null;
    }
    const patience = AbortSignal.timeout(PATIENCE_MS);
    const frame = await this.#keyFrames.at(at, patience);
    if (frame === null) {
      return null;
    }
    const canvas = document.createElement('canvas');
    await this.#keyFrames.draw(frame, canvas, patience, WIDTH);
    return canvas;
  }
}
