/**
 * Live playback's rate: gives the latency controller the arrivals and the video's position, and sets the rate that it decides.
 */

import { bufferAhead, bufferedEnd } from './buffer.js';
import { LatencyController } from './latency.js';

/** A buffer that is not dry: a few frames. */
const FULL_S = 0.1;

export class LiveRate {
  #video;
  #control = new LatencyController();

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.#video = video;
  }

  /** Seconds of buffer that the latency controller aims for; 0 while it does not know. */
  get lead() {
    return this.#control.lead;
  }

  reset() {
    this.#control.reset();
  }

  /** @param {number} rate */
  set(rate) {
    if (this.#video.playbackRate !== rate) {
      this.#video.playbackRate = rate;
    }
  }

  /** To be called often while live plays. */
  steer() {
    const end = bufferedEnd(this.#video);
    if (end === null) {
      return;
    }
    const { rate, seekTo } = this.#control.decide({ now: performance.now() / 1000, position: this.#video.currentTime, end });
    this.set(rate);
    if (seekTo !== null) {
      this.#video.currentTime = seekTo;
    }
  }

  /** @param {{end: number, duration: number, newest: boolean}} part */
  partArrived(part) {
    if (!this.#video.paused && !document.hidden) {
      this.#control.partArrived({ now: performance.now() / 1000, ...part });
    }
  }

  /** The picture waits. A buffer that ran dry has already told the controller; a full one tells of a device that is too slow. */
  waiting() {
    if (!this.#video.seeking && bufferAhead(this.#video) > FULL_S) {
      this.#control.stalled();
    }
  }
}
