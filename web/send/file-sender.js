/**
 * Sends the pieces of a recording (MediaRecorder), where the browser gives pages no encoder.
 */

import { fileStep } from './pressure.js';
import { bitrateFor, chooseFile } from './ways.js';

/** Length of a piece: short, for a picture waits for the end of its piece. Safari makes them longer. */
const SLICE_MS = 100;
/** From one key frame to the next. */
const KEY_MS = 2000;
/** How often it is looked whether the network takes what is recorded. */
const LOOK_MS = 200;

/** Whether this browser records. */
export const hasFile = () => typeof MediaRecorder === 'function' && chooseFile((type) => MediaRecorder.isTypeSupported(type)) !== null;

/** Records the pictures of a video element from `start` to `stop`. */
export class FileSender {
  /** Bytes and pieces sent so far. */
  counts = { bytes: 0, frames: 0 };
  /** Recordings that were broken off. */
  leftOut = 0;
  #link;
  #video;
  #fps;
  #onFailed;
  #type = chooseFile((type) => MediaRecorder.isTypeSupported(type)) ?? '';
  /** @type {MediaRecorder | null} */
  #recorder = null;
  #brokenOff = false;
  #timer = 0;
  #bitrate;
  #size = '';

  /** @param {{link: import('./link.js').Link, video: HTMLVideoElement, fps: number, onFailed: (why: string) => void}} parts */
  constructor({ link, video, fps, onFailed }) {
    this.#link = link;
    this.#video = video;
    this.#fps = fps;
    this.#onFailed = onFailed;
    this.#bitrate = bitrateFor({ width: video.videoWidth, height: video.videoHeight, fps });
    // A recording has one size; with another one it begins anew.
    video.addEventListener('resize', () => this.#recorder !== null && this.#sizeNow() !== this.#size && this.#restart());
  }

  /** @returns {import('./messages.js').Begin} */
  get begin() {
    return { way: 'file', type: this.#type, fps: this.#fps };
  }

  get about() {
    return `MediaRecorder, ${this.#type}, ${this.#sizeNow()}`;
  }

  start() {
    this.stop();
    this.#record();
    this.#timer = window.setInterval(() => this.#look(), LOOK_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#breakOff();
    this.#brokenOff = false;
  }

  /** A recorder makes its key frames when it wants to. */
  wantKey() {}

  #sizeNow() {
    return `${this.#video.videoWidth}×${this.#video.videoHeight}`;
  }

  #record() {
    const stream = /** @type {MediaStream} */ (this.#video.srcObject);
    const options = { mimeType: this.#type, videoBitsPerSecond: this.#bitrate, videoKeyFrameIntervalDuration: KEY_MS };
    /** @type {MediaRecorder} */
    let recorder;
    try {
      recorder = new MediaRecorder(stream, options);
      recorder.addEventListener('dataavailable', ({ data }) => recorder === this.#recorder && this.#send(data));
      recorder.addEventListener('error', () => recorder === this.#recorder && this.#onFailed('the browser’s recorder has failed'));
      recorder.start(SLICE_MS);
    } catch (error) {
      this.#onFailed(error instanceof Error ? error.message : String(error));
      return;
    }
    [this.#recorder, this.#size, this.#brokenOff] = [recorder, this.#sizeNow(), false];
  }

  /** A blob is sent as it is: what waits for its bytes could be overtaken by the next one. @param {Blob} piece */
  #send(piece) {
    if (piece.size > 0) {
      this.#link.send(piece);
      this.counts.bytes += piece.size;
      this.counts.frames += 1;
    }
  }

  #breakOff() {
    const recorder = this.#recorder;
    this.#recorder = null;
    if (recorder !== null && recorder.state !== 'inactive') {
      recorder.stop();
    }
  }

  #restart() {
    this.#breakOff();
    this.#link.begin(this.begin);
    this.#record();
  }

  #look() {
    const step = fileStep({ buffered: this.#link.buffered, bitrate: this.#bitrate, brokenOff: this.#brokenOff });
    if (step === 'break-off') {
      this.#breakOff();
      this.#brokenOff = true;
      this.leftOut += 1;
    } else if (step === 'begin') {
      this.#restart();
    }
  }
}
