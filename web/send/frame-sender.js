/**
 * Sends single frames by the browser's encoder (WebCodecs).
 */

import { frameMessage } from './messages.js';
import { FrameGate } from './pressure.js';
import { chooseFrames } from './ways.js';

/** Seconds from one key frame to the next: a decoder that begins anew waits no longer. */
const KEY_S = 2;

/** Whether this browser has an encoder. */
export const hasFrames = () => typeof VideoEncoder === 'function' && typeof VideoFrame === 'function';

/** @param {VideoEncoderConfig} config */
const isSupported = async (config) => (await VideoEncoder.isConfigSupported(config)).supported === true;

/** Sends the pictures of a video element from `start` to `stop`. */
export class FrameSender {
  /** Bytes and frames sent so far. */
  counts = { bytes: 0, frames: 0 };
  #link;
  #video;
  #fps;
  #onFailed;
  /** @type {VideoEncoderConfig} */
  #config;
  /** @type {VideoEncoder | null} */
  #encoder = null;
  #gate;
  #wantsKey = true;
  #lastKeyUs = -Infinity;
  /** @type {(() => void) | null} */
  #endPictures = null;
  #changing = false;

  /**
   * A sender for what the video shows; null if the browser encodes nothing of that.
   * @param {{link: import('./link.js').Link, video: HTMLVideoElement, fps: number, onFailed: (why: string) => void}} parts
   */
  static async make(parts) {
    const { videoWidth: width, videoHeight: height } = parts.video;
    const config = await chooseFrames({ width, height, fps: parts.fps }, isSupported);
    return config && new FrameSender(parts, config);
  }

  /** @param {{link: import('./link.js').Link, video: HTMLVideoElement, fps: number, onFailed: (why: string) => void}} parts @param {VideoEncoderConfig} config */
  constructor({ link, video, fps, onFailed }, config) {
    this.#link = link;
    this.#video = video;
    this.#fps = fps;
    this.#onFailed = onFailed;
    this.#config = config;
    this.#gate = new FrameGate(config.bitrate ?? 0);
  }

  /** @returns {import('./messages.js').Begin} */
  get begin() {
    return { way: 'frames', type: this.#config.codec, fps: this.#fps };
  }

  /** What is shown of it. */
  get about() {
    return `WebCodecs, ${this.#config.codec}, ${this.#config.width}×${this.#config.height}`;
  }

  get leftOut() {
    return this.#gate.leftOut;
  }

  start() {
    this.stop();
    this.#gate = new FrameGate(this.#config.bitrate ?? 0);
    this.#wantsKey = true;
    this.#encoder = this.#newEncoder();
    this.#endPictures = this.#takePictures();
  }

  stop() {
    this.#endPictures?.();
    if (this.#encoder !== null && this.#encoder.state !== 'closed') {
      this.#encoder.close();
    }
    [this.#encoder, this.#endPictures] = [null, null];
  }

  /** The next picture is to be a key frame. */
  wantKey() {
    this.#wantsKey = true;
  }

  #newEncoder() {
    /** @type {VideoEncoder} */
    const encoder = new VideoEncoder({
      output: (chunk) => encoder === this.#encoder && this.#send(chunk),
      error: (error) => encoder === this.#encoder && this.#onFailed(error.message),
    });
    encoder.configure(this.#config);
    return encoder;
  }

  /** @param {EncodedVideoChunk} chunk */
  #send(chunk) {
    const key = chunk.type === 'key';
    if (!this.#gate.sends({ buffered: this.#link.buffered, key })) {
      return;
    }
    const bytes = frameMessage({ stampUs: chunk.timestamp, key, length: chunk.byteLength, copyTo: (to) => chunk.copyTo(to) });
    this.#link.send(bytes);
    this.counts.bytes += bytes.length;
    this.counts.frames += 1;
  }

  /** Takes each picture of the camera; what is returned ends that. */
  #takePictures() {
    const Processor = /** @type {any} */ (globalThis).MediaStreamTrackProcessor;
    const [track] = /** @type {MediaStream} */ (this.#video.srcObject).getVideoTracks();
    let ended = false;
    if (Processor === undefined) {
      const take = (/** @type {number} */ now) => {
        if (!ended) {
          this.#encode(new VideoFrame(this.#video, { timestamp: Math.round(now * 1000) }));
          this.#video.requestVideoFrameCallback(take);
        }
      };
      this.#video.requestVideoFrameCallback(take);
      return () => (ended = true);
    }
    // Of its own, for the preview goes on when this one is ended.
    const own = track.clone();
    const reader = new Processor({ track: own, maxBufferSize: 2 }).readable.getReader();
    const read = async () => {
      for (;;) {
        const { value: frame, done } = await reader.read();
        if (done || ended) {
          frame?.close();
          return;
        }
        this.#encode(frame);
      }
    };
    read().catch(() => {});
    return () => {
      ended = true;
      own.stop();
      reader.cancel().catch(() => {});
    };
  }

  /** @param {VideoFrame} frame */
  #encode(frame) {
    const [width, height] = [frame.displayWidth & ~1, frame.displayHeight & ~1];
    const encoder = this.#encoder;
    if (encoder === null || encoder.state !== 'configured' || this.#changing) {
      frame.close();
    } else if (width !== this.#config.width || height !== this.#config.height) {
      frame.close();
      void this.#change(width, height);
    } else {
      if (this.#gate.takes({ buffered: this.#link.buffered, encoding: encoder.encodeQueueSize })) {
        const isDue = frame.timestamp - this.#lastKeyUs >= KEY_S * 1e6 || frame.timestamp < this.#lastKeyUs;
        const keyFrame = this.#wantsKey || this.#gate.wantsKey || isDue;
        if (keyFrame) {
          [this.#wantsKey, this.#lastKeyUs] = [false, frame.timestamp];
        }
        encoder.encode(frame, { keyFrame });
      }
      frame.close();
    }
  }

  /** The camera was turned, or gives another size: an encoder for that. @param {number} width @param {number} height */
  async #change(width, height) {
    this.#changing = true;
    const config = await chooseFrames({ width, height, fps: this.#fps }, isSupported);
    this.#changing = false;
    if (config === null) {
      this.#onFailed(`this browser encodes no pictures of ${width}×${height}`);
      return;
    }
    if (this.#encoder === null) {
      return;
    }
    this.#config = config;
    this.#encoder.close();
    this.#link.begin(this.begin);
    this.#encoder = this.#newEncoder();
    this.#wantsKey = true;
  }
}
