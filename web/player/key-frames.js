/**
 * Key frames of the stream by hls.js's I-frame player, which loads nothing else. It follows the player from one hls.js to the next.
 */

import { GRAIN_MS } from './thumbnails.js';

/** Width of a picture in device pixels: sharp in the preview, of which the list's are halves. */
const WIDTH = 240;
/** Longest wait for one: the playlist of a day is some hundred kilobytes, then comes the frame. */
const PATIENCE_MS = 5000;
/** Unused for this long, it stops asking for its playlist, which can be a long one. */
const IDLE_MS = 4000;
/** The newest picture that is worth asking for: the playlist of key frames lists whole segments only. */
const NEWEST_MS = 2500;

/** @typedef {import('hls.js').HlsIFramesOnly} IFramePlayer */
/** @typedef {Pick<import('hls.js').Fragment, 'programDateTime'>} Dated */

/**
 * When the key frame was captured that is shown at a moment: each segment begins with one, and has more at the distance that they come
 * at. Pure.
 * @param {readonly Dated[]} segments in their order
 * @param {number} at
 */
export function keyFrameOf(segments, at) {
  let [low, high] = [0, segments.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((segments[middle].programDateTime ?? Infinity) <= at) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  const start = segments[low]?.programDateTime ?? 0;
  return start + Math.floor((at - start) / GRAIN_MS) * GRAIN_MS;
}

/** Draws key frames. */
export class KeyFrames {
  #player;
  #video = document.createElement('video');
  /** @type {IFramePlayer | null} */
  #frames = null;
  /** @type {import('hls.js').default | null} */
  #of = null;
  #idle = 0;

  /** @param {import('./player.js').Player} player */
  constructor(player) {
    this.#player = player;
    this.#video.muted = true;
    player.addEventListener('change', () => player.hls !== this.#of && this.#drop());
  }

  /** The moments that a picture can be had of; none before the live picture is there, which comes first. @returns {import('../timeline/timeline.js').Stretch | null} */
  get range() {
    const { window, captureTime, paused } = this.#player;
    return window && (paused || captureTime !== null) ? { from: window.startMs, to: window.endMs - NEWEST_MS } : null;
  }

  /** The key frame that is shown at a moment, by the time of its capture. @param {number} at */
  keyOf(at) {
    return keyFrameOf(this.#player.hls?.latestLevelDetails?.fragments ?? [], at);
  }

  /**
   * The key frame that is shown at that moment, drawn small; null when it cannot be had.
   * @param {number} at
   * @returns {Promise<HTMLCanvasElement | null>}
   */
  async draw(at) {
    const position = this.#positionOf(at);
    const frames = this.#ready();
    if (position === null || frames === null) {
      return null;
    }
    clearTimeout(this.#idle);
    const shown = this.#shown();
    frames.loadMediaAt(position);
    const done = await shown;
    this.#idle = window.setTimeout(() => this.#frames?.stopLoad(), IDLE_MS);
    return done ? this.#drawn() : null;
  }

  /** @param {number} at */
  #positionOf(at) {
    const { range } = this;
    return range === null || at < range.from || at > range.to ? null : this.#player.positionAt(at);
  }

  #ready() {
    const { hls } = this.#player;
    if (this.#frames === null && hls !== null) {
      this.#frames = hls.createIFramePlayer();
      this.#of = hls;
      this.#frames?.attachMedia(this.#video);
    }
    return this.#frames;
  }

  /** Whether a frame was sought and is there, in time. @returns {Promise<boolean>} */
  #shown() {
    return new Promise((resolve) => {
      const finish = (/** @type {boolean} */ done) => {
        clearTimeout(timer);
        this.#video.removeEventListener('seeked', seeked);
        resolve(done);
      };
      const seeked = () => this.#video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && finish(true);
      const timer = setTimeout(() => {
        // Whatever it hangs on, a new one does not.
        this.#drop();
        finish(false);
      }, PATIENCE_MS);
      this.#video.addEventListener('seeked', seeked);
    });
  }

  #drawn() {
    const { videoWidth, videoHeight } = this.#video;
    const canvas = document.createElement('canvas');
    canvas.width = WIDTH;
    canvas.height = Math.round((WIDTH * videoHeight) / videoWidth);
    canvas.getContext('2d')?.drawImage(this.#video, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  #drop() {
    clearTimeout(this.#idle);
    this.#frames?.destroy();
    this.#frames = null;
    this.#of = null;
  }
}

/** Shows a picture in another canvas. @param {HTMLCanvasElement} canvas @param {HTMLCanvasElement} picture */
export function copyTo(canvas, picture) {
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext('2d')?.drawImage(picture, 0, 0);
}
