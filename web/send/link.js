/**
 * The connection to the server: asks for the page's token, says who comes, and comes again when the network was away.
 */

import { beginText, heardFrom, helloText } from './messages.js';
import { StallWatch } from './pressure.js';
import { afterEnd, tokenError } from './sentences.js';

/** Waits before it is tried again, in ms; the last stays. */
const WAITS_MS = [300, 1000, 2000, 4000];
/** Longest wait for a token, and for the server to accept. */
const ANSWER_MS = 6000;
/** How often it is looked whether the connection still takes what is sent. */
const LOOK_MS = 1000;

/**
 * Events: `accepted` when what was announced may be sent, `shown` when viewers see it, `key` when a key frame is wanted, `lost` when it is
 * tried again, and `over`, with `detail` `{state, why, word}`, when it is not.
 */
export class Link extends EventTarget {
  #camera;
  #page = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');
  /** @type {WebSocket | null} */
  #socket = null;
  #wanted = false;
  #accepted = false;
  #takeOver = false;
  /** @type {import('./messages.js').Begin | null} */
  #begin = null;
  #tries = 0;
  #timer = 0;
  #stall = new StallWatch();

  /** @param {string} camera */
  constructor(camera) {
    super();
    this.#camera = camera;
    setInterval(() => this.#look(), LOOK_MS);
    addEventListener('offline', () => this.#socket && this.#again());
    addEventListener('online', () => this.#wanted && this.#socket === null && this.#connect());
  }

  /** Bytes that wait on this device. */
  get buffered() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** Connects. @param {import('./messages.js').Begin} begin @param {boolean} takeOver */
  open(begin, takeOver) {
    [this.#begin, this.#takeOver, this.#wanted, this.#tries] = [begin, takeOver, true, 0];
    this.#connect();
  }

  /** Announces that what comes next begins anew. @param {import('./messages.js').Begin} begin */
  begin(begin) {
    this.#begin = begin;
    if (this.#accepted) {
      this.#socket?.send(beginText(begin));
    }
  }

  /** Sends, if it may. @param {Uint8Array<ArrayBuffer> | Blob} bytes */
  send(bytes) {
    if (this.#accepted && this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(bytes);
    }
  }

  /** Leaves. */
  close() {
    this.#wanted = false;
    this.#drop();
  }

  /** A connection that has stalled says nothing about its end, so it is left to itself. */
  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    [this.#socket, this.#accepted, this.#stall] = [null, false, new StallWatch()];
    socket?.close();
  }

  #again() {
    this.#drop();
    if (this.#wanted) {
      this.dispatchEvent(new Event('lost'));
      this.#timer = window.setTimeout(() => this.#connect(), WAITS_MS[Math.min(this.#tries, WAITS_MS.length - 1)]);
      this.#tries += 1;
    }
  }

  /** @param {string} word @param {string} why @param {import('./sentences.js').State} state */
  #end(word, why, state) {
    this.close();
    this.dispatchEvent(new CustomEvent('over', { detail: { word, why, state } }));
  }

  async #connect() {
    this.#drop();
    const path = `api/cameras/${this.#camera}/send`;
    let token;
    try {
      const answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS) });
      if (answer.status === 401) {
        location.assign(`login?next=${encodeURIComponent(`send${location.search}`)}`);
        return;
      }
      if (answer.status >= 400 && answer.status < 500) {
        this.#end('refused', tokenError(answer.status, await answer.text()), 'refused');
        return;
      }
      ({ token } = await answer.json());
    } catch {
      this.#again();
      return;
    }
    if (this.#wanted && this.#socket === null) {
      this.#speak(new WebSocket(Object.assign(new URL(path, location.href), { protocol: location.protocol === 'https:' ? 'wss:' : 'ws:' })), token);
    }
  }

  /** @param {WebSocket} socket @param {string} token */
  #speak(socket, token) {
    this.#socket = socket;
    this.#timer = window.setTimeout(() => socket === this.#socket && !this.#accepted && this.#again(), ANSWER_MS);
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', () => {
      if (socket === this.#socket && this.#begin !== null) {
        socket.send(helloText({ token, page: this.#page, takeOver: this.#takeOver, begin: this.#begin }));
      }
    });
    socket.addEventListener('message', ({ data }) => socket === this.#socket && this.#hear(data));
    socket.addEventListener('close', () => socket === this.#socket && this.#again());
  }

  /** @param {unknown} data */
  #hear(data) {
    const heard = heardFrom(data);
    if (heard?.kind === 'end') {
      const { state, retries } = afterEnd(heard.word);
      if (retries) {
        this.#again();
      } else {
        this.#end(heard.word, heard.why, state);
      }
      return;
    }
    if (heard?.kind === 'accepted') {
      // Whoever takes it over from now on is not to be sent away by a network that was lost.
      [this.#accepted, this.#takeOver, this.#tries] = [true, false, 0];
    }
    if (heard !== null) {
      this.dispatchEvent(new Event(heard.kind));
    }
  }

  #look() {
    if (this.#accepted && this.#stall.stalls({ buffered: this.buffered, now: performance.now() })) {
      this.#again();
    }
  }
}
