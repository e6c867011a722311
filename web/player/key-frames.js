/**
 * Key frames of the stream, each asked for alone: the pictures of the timeline, and the newest one for links that are too thin for more.
 */

import { codecOf, keyFrameAt, keyFramesOf } from './iframe-playlist.js';

/** The list is asked for again no sooner than this for a moment that it does not have: that of a day is some hundred kilobytes. */
const LIST_AGAIN_MS = 2000;

/** The archive is listed in blocks of that length: a few kilobytes. */
const BLOCK_MS = 300_000;
/** A segment that begins before a block may reach into it. */
const BLOCK_ROOM_MS = 15_000;
/** Blocks that are known at a time: a sweep over the bar asks for one each. */
const BLOCKS_MAX = 40;
/** From one look for a picture that can be drawn to the next. */
const DRAWABLE_AGAIN_MS = 20;

/** @typedef {import('./iframe-playlist.js').KeyFrame} KeyFrame */

/** Finds key frames and draws them. */
export class KeyFrames {
  #playlistUrl;
  #archiveUrl;
  /** Lists of the archive by when they begin, the one used last at the end. @type {Map<number, KeyFrame[]>} */
  #archived = new Map();
  /** @type {KeyFrame[]} */
  #frames = [];
  #listedAt = -Infinity;
  /** The init segment used last: one is the same for all of a run. @type {{url: string, bytes: Uint8Array<ArrayBuffer>} | null} */
  #init = null;

  /** @param {{listed: string, archived: string}} urls of the stream's I-frame playlist, and of that of any time */
  constructor({ listed, archived }) {
    this.#playlistUrl = new URL(listed, document.baseURI).href;
    this.#archiveUrl = new URL(archived, document.baseURI).href;
  }

  /** The newest there is, or null. @param {AbortSignal} signal */
  async newest(signal) {
    await this.#list(signal);
    return this.#frames.at(-1) ?? null;
  }

  /** The one that is shown at a moment, or null. @param {number} at @param {AbortSignal} signal */
  async at(at, signal) {
    const known = keyFrameAt(this.#frames, at);
    // Behind the last of the list there may be others by now.
    if ((known === null || known === this.#frames.at(-1)) && performance.now() - this.#listedAt > LIST_AGAIN_MS) {
      await this.#list(signal);
    }
    return keyFrameAt(this.#frames, at) ?? this.#archivedAt(at, signal);
  }

  /** The one that the archive has of a moment, or null. @param {number} at @param {AbortSignal} signal */
  async #archivedAt(at, signal) {
    const from = Math.floor(at / BLOCK_MS) * BLOCK_MS;
    let frames = this.#archived.get(from);
    if (frames === undefined) {
      // The one that is shown when the block begins may be listed before it.
      const query = [from - BLOCK_ROOM_MS, from + BLOCK_MS].map((ms) => new Date(ms).toISOString());
      const text = await (await ask(`${this.#archiveUrl}?from=${query[0]}&to=${query[1]}`, signal)).text();
      frames = keyFramesOf(text, this.#archiveUrl);
    }
    this.#archived.delete(from);
    // What is not over, or has no footage at its end, may have more by the next time.
    if ((frames.at(-1)?.capturedMs ?? 0) > from + BLOCK_MS - BLOCK_ROOM_MS) {
      this.#archived.set(from, frames);
    }
    for (const oldest of this.#archived.keys()) {
      if (this.#archived.size <= BLOCKS_MAX) {
        break;
      }
      this.#archived.delete(oldest);
    }
    return keyFrameAt(frames, at);
  }

  /**
   * Draws a key frame. Fails when it cannot be had, and asks for the list anew then.
   * @param {KeyFrame} frame @param {HTMLCanvasElement} canvas @param {AbortSignal} signal
   * @param {number} [width] in pixels; as it is when left out
   */
  async draw(frame, canvas, signal, width) {
    try {
      if (this.#init?.url !== frame.initUrl) {
        this.#init = { url: frame.initUrl, bytes: await bytes(frame.initUrl, signal) };
      }
      const init = this.#init.bytes;
      const media = await bytes(frame.url, signal, { range: `bytes=${frame.from}-${frame.from + frame.length - 1}` });
      await withPicture([init, media], codecOf(init), signal, (video) => drawOn(canvas, video, width ?? video.videoWidth));
    } catch (error) {
      this.#init = null;
      this.#listedAt = -Infinity;
      this.#frames = [];
      this.#archived.clear();
      throw error;
    }
  }

  /** @param {AbortSignal} signal */
  async #list(signal) {
    const text = await (await ask(this.#playlistUrl, signal)).text();
    this.#frames = keyFramesOf(text, this.#playlistUrl);
    this.#listedAt = performance.now();
  }
}

/** @param {HTMLCanvasElement} canvas @param {HTMLVideoElement} video @param {number} width */
function drawOn(canvas, video, width) {
  canvas.width = width;
  canvas.height = Math.round((width * video.videoHeight) / video.videoWidth);
  canvas.getContext('2d')?.drawImage(video, 0, 0, canvas.width, canvas.height);
}

/** Shows a picture in another canvas. @param {HTMLCanvasElement} canvas @param {HTMLCanvasElement} picture */
export function copyTo(canvas, picture) {
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext('2d')?.drawImage(picture, 0, 0);
}

/** @param {string} url @param {AbortSignal} signal @param {Record<string, string>} [headers] */
async function ask(url, signal, headers = {}) {
  const response = await fetch(url, { signal, headers });
  if (!response.ok) {
    throw new Error(`${url}: ${response.status}`);
  }
  return response;
}

/** @param {string} url @param {AbortSignal} signal @param {Record<string, string>} [headers] */
const bytes = async (url, signal, headers) => new Uint8Array(await (await ask(url, signal, headers)).arrayBuffer());

/**
 * Uses a video that shows one key frame. WebCodecs would do with less, but browsers offer it to secure origins only.
 * @param {Uint8Array<ArrayBuffer>[]} pieces @param {string | null} codec @param {AbortSignal} signal
 * @param {(video: HTMLVideoElement) => void} use
 */
async function withPicture(pieces, codec, signal, use) {
  const source = new MediaSource();
  const address = URL.createObjectURL(source);
  const video = Object.assign(document.createElement('video'), { muted: true, src: address });
  try {
    await event(source, 'sourceopen', signal);
    const buffer = source.addSourceBuffer(`video/mp4; codecs="${codec}"`);
    for (const piece of pieces) {
      const appended = event(buffer, 'updateend', signal);
      buffer.appendBuffer(piece);
      await appended;
    }
    source.endOfStream();
    const sought = event(video, 'seeked', signal);
    video.currentTime = buffer.buffered.start(0);
    await sought;
    await drawable(video, signal);
    use(video);
  } finally {
    video.removeAttribute('src');
    video.load();
    URL.revokeObjectURL(address);
  }
}

/**
 * Waits until a video has a picture to draw. Chromium tells of the end of a seek before its compositor has the picture, and draws
 * nothing until then.
 * @param {HTMLVideoElement} video @param {AbortSignal} signal
 */
async function drawable(video, signal) {
  const pixel = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
  for (;;) {
    pixel?.drawImage(video, 0, 0, 1, 1);
    const alpha = pixel?.getImageData(0, 0, 1, 1).data[3];
    if (alpha !== 0) {
      return;
    }
    await new Promise((look) => setTimeout(look, DRAWABLE_AGAIN_MS));
    signal.throwIfAborted();
  }
}

/** @param {EventTarget} target @param {string} name @param {AbortSignal} signal */
function event(target, name, signal) {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    target.addEventListener(name, () => resolve(undefined), { once: true, signal });
    target.addEventListener('error', () => reject(new Error(`${name} did not come`)), { once: true, signal });
  });
}
