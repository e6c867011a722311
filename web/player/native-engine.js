/**
 * One playback by the browser's own HLS (iPhones before iOS 17.1 have nothing else), until it fails. The browser keeps its own distance
 * from the live edge, and nothing here steers it.
 */

import { seekableEnd } from './buffer.js';

/** @typedef {import('./engines.js').Engine} Engine */
/** @typedef {import('./engines.js').EngineEvents} EngineEvents */

/** Distance kept from the oldest segment, which the server is about to remove. */
const OLDEST_ROOM_S = 2;
/** The browser does not tell the frame rate; steps are those of the usual one. */
const FRAME_RATE = 30;

/** @implements {Engine} */
export class NativeEngine {
  hls = null;
  steered = false;
  hasSound = null;
  frameRate = FRAME_RATE;
  #video;
  #isArchive;
  #ended = new AbortController();

  /** @param {HTMLVideoElement} video @param {string} url @param {EngineEvents} events @param {boolean} isArchive */
  constructor(video, url, events, isArchive) {
    this.#video = video;
    this.#isArchive = isArchive;
    const { signal } = this.#ended;
    video.addEventListener('loadedmetadata', () => events.heard(true), { signal });
    video.addEventListener('durationchange', () => events.windowChanged(), { signal });
    video.addEventListener('ended', () => isArchive || events.ended(), { signal });
    video.addEventListener('error', () => events.failed(), { signal });
    video.src = url;
    events.ready();
  }

  destroy() {
    this.#ended.abort();
    this.#video.removeAttribute('src');
    this.#video.load();
  }

  stop() {}

  /** The browser takes no advice. */
  setFollowing() {}

  get live() {
    return this.#isArchive ? Infinity : seekableEnd(this.#video);
  }

  get oldest() {
    const { seekable } = this.#video;
    return seekable.length > 0 ? seekable.start(0) + OLDEST_ROOM_S : null;
  }

  get window() {
    const { seekable } = this.#video;
    const [start, end] = seekable.length > 0 ? [this.dateAt(seekable.start(0)), this.dateAt(seekable.end(seekable.length - 1))] : [null, null];
    return start === null || end === null ? null : { startMs: start, endMs: end };
  }

  /** @param {number} position */
  dateAt(position) {
    const start = this.#startMs();
    return start === null ? null : start + position * 1000;
  }

  /** @param {number} ms */
  positionAt(ms) {
    const start = this.#startMs();
    return start === null ? null : (ms - start) / 1000;
  }

  /** The date of position 0, which only Safari has. */
  #startMs() {
    const start = /** @type {any} */ (this.#video).getStartDate?.().getTime();
    return Number.isFinite(start) ? Number(start) : null;
  }
}
