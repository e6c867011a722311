/**
 * A picture now and then, for links that are too thin for the stream: the newest key frame of the I-frame playlist, drawn on a canvas.
 */

import { frameOf, listOf } from './iframe-playlist.js';

/** From the beginning of one picture to that of the next; one that takes longer is followed by the next at once. */
const EVERY_MS = 2000;
/** Longest wait for one, with its playlist: a link of 100 kbit/s needs some 5 s for a large one. */
const PATIENCE_MS = 20_000;
/** After a failure, so that a server that is gone is not asked without end. */
const AFTER_FAILURE_MS = 2000;

/** Draws stills while it runs. */
export class Stills {
  /** Capture time of the picture shown; null before the first. @type {number | null} */
  captureTime = null;
  #canvas;
  #playlistUrl;
  /** @type {AbortController | null} */
  #running = null;
  /** The init segment, which is the same for all of a run. @type {{url: string, bytes: ArrayBuffer} | null} */
  #init = null;
  #shownUrl = '';

  /** @param {HTMLCanvasElement} canvas @param {string} playlistUrl of the multivariant playlist */
  constructor(canvas, playlistUrl) {
    this.#canvas = canvas;
    this.#playlistUrl = new URL(playlistUrl, document.baseURI).href;
  }

  get running() {
    return this.#running !== null;
  }

  start() {
    if (this.#running === null) {
      this.#running = new AbortController();
      void this.#run(this.#running.signal);
    }
  }

  stop() {
    this.#running?.abort();
    this.#running = null;
    this.captureTime = null;
    this.#shownUrl = '';
    this.#canvas.hidden = true;
  }

  /** @param {AbortSignal} signal */
  async #run(signal) {
    while (!signal.aborted) {
      const began = performance.now();
      const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
      const wait = document.hidden ? EVERY_MS : await this.#next(patience).then(() => EVERY_MS - (performance.now() - began), () => AFTER_FAILURE_MS);
      await new Promise((wake) => setTimeout(wake, Math.max(0, wait)));
    }
  }

  /** @param {AbortSignal} signal */
  async #next(signal) {
    const top = listOf(await text(this.#playlistUrl, signal), this.#playlistUrl);
    const frame = top && frameOf(await text(top.url, signal), top.url);
    if (!top || !frame || frame.key === this.#shownUrl) {
      return;
    }
    if (this.#init?.url !== frame.initUrl) {
      this.#init = { url: frame.initUrl, bytes: await bytes(frame.initUrl, signal) };
    }
    const media = await bytes(frame.url, signal, { range: `bytes=${frame.from}-${frame.from + frame.length - 1}` });
    const picture = await decoded({ codecs: top.codecs, pieces: [this.#init.bytes, media], signal });
    try {
      this.#draw(picture.video);
    } finally {
      picture.done();
    }
    this.captureTime = frame.capturedMs;
    this.#shownUrl = frame.key;
  }

  /** @param {HTMLVideoElement} video */
  #draw(video) {
    this.#canvas.width = video.videoWidth;
    this.#canvas.height = video.videoHeight;
    this.#canvas.getContext('2d')?.drawImage(video, 0, 0);
    this.#canvas.hidden = false;
  }
}

/** @param {string} url @param {AbortSignal} signal @param {Record<string, string>} [headers] */
async function ask(url, signal, headers = {}) {
  const response = await fetch(url, { signal, headers });
  if (!response.ok) {
    throw new Error(`${url}: ${response.status}`);
  }
  return response;
}

/** @param {string} url @param {AbortSignal} signal */
const text = async (url, signal) => (await ask(url, signal)).text();

/** @param {string} url @param {AbortSignal} signal @param {Record<string, string>} [headers] */
const bytes = async (url, signal, headers) => (await ask(url, signal, headers)).arrayBuffer();

/**
 * A video that shows one key frame. WebCodecs would do with less, but browsers offer it to secure origins only.
 * @param {{codecs: string, pieces: ArrayBuffer[], signal: AbortSignal}} of
 * @returns {Promise<{video: HTMLVideoElement, done: () => void}>}
 */
async function decoded({ codecs, pieces, signal }) {
  const source = new MediaSource();
  const address = URL.createObjectURL(source);
  const video = Object.assign(document.createElement('video'), { muted: true, src: address });
  const done = () => {
    video.removeAttribute('src');
    video.load();
    URL.revokeObjectURL(address);
  };
  try {
    await event(source, 'sourceopen', signal);
    const buffer = source.addSourceBuffer(`video/mp4; codecs="${codecs}"`);
    for (const piece of pieces) {
      const appended = event(buffer, 'updateend', signal);
      buffer.appendBuffer(piece);
      await appended;
    }
    source.endOfStream();
    const sought = event(video, 'seeked', signal);
    video.currentTime = buffer.buffered.start(0);
    await sought;
    return { video, done };
  } catch (error) {
    done();
    throw error;
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
