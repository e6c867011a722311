/**
 * A picture now and then, for links that are too thin for the stream: the newest key frame, drawn on a canvas.
 */

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
  #keyFrames;
  /** @type {AbortController | null} */
  #running = null;
  #shown = '';

  /** @param {HTMLCanvasElement} canvas @param {import('./key-frames.js').KeyFrames} keyFrames */
  constructor(canvas, keyFrames) {
    this.#canvas = canvas;
    this.#keyFrames = keyFrames;
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
    this.#shown = '';
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
    const frame = await this.#keyFrames.newest(signal);
    if (frame === null || frame.key === this.#shown) {
      return;
    }
    await this.#keyFrames.draw(frame, this.#canvas, signal);
    this.#canvas.hidden = false;
    this.captureTime = frame.capturedMs;
    this.#shown = frame.key;
  }
}
