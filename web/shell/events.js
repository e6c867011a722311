/**
 * The server's events, for as long as the page is open. The browser's EventSource comes back by itself after a broken connection, but not
 * after a refusal; this does both, and says when everything must be asked for again because something may have been missed.
 */

/** The wait before a refused connection is tried again, and the longest such wait. */
const AGAIN_MS = 2000;
const AGAIN_MAX_MS = 30_000;
/** `EventSource.CLOSED`. */
const CLOSED = 2;

/** What the server sends. */
export const EVENTS = /** @type {const} */ ([
  'marker-begin', 'marker-change', 'marker-end', 'marker-removed', 'recording-begin', 'recording-end', 'camera-lost', 'camera-back', 'controls-changed',
  'stream-ended',
]);

/**
 * @typedef {object} Hooks
 * @property {() => void} connected events come from now on; what happened before must be asked for
 * @property {(name: typeof EVENTS[number], data: any) => void} event
 */

/** @typedef {Pick<EventSource, 'addEventListener' | 'close' | 'readyState'>} Source */

/** Events from `api/events`. */
export class EventStream {
  #open;
  #hooks;
  #later;
  #refusals = 0;
  /** @type {Source | null} */
  #source = null;
  #over = false;

  /**
   * @param {() => Source} open makes an EventSource
   * @param {Hooks} hooks
   * @param {(done: () => void, ms: number) => void} later `setTimeout`
   */
  constructor(open, hooks, later) {
    this.#open = open;
    this.#hooks = hooks;
    this.#later = later;
    this.#connect();
  }

  /** Ends it for good. */
  close() {
    this.#over = true;
    this.#source?.close();
  }

  #connect() {
    if (this.#over) {
      return;
    }
    const source = this.#open();
    this.#source = source;
    source.addEventListener('open', () => {
      this.#refusals = 0;
      this.#hooks.connected();
    });
    // The server could not replay everything since the last event that this page saw.
    source.addEventListener('missed', () => this.#hooks.connected());
    source.addEventListener('error', () => source.readyState === CLOSED && this.#refused());
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => this.#received(name, /** @type {MessageEvent} */ (event).data));
    }
  }

  /** @param {typeof EVENTS[number]} name @param {string} text */
  #received(name, text) {
    try {
      this.#hooks.event(name, JSON.parse(text));
    } catch (error) {
      console.warn(`event ${name} could not be used`, error);
    }
  }

  #refused() {
    this.#later(() => this.#connect(), Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** Math.min(this.#refusals, 10)));
    this.#refusals += 1;
  }
}
