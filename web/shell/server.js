/**
 * The server as this page hears it: whether it answers, what its status says, and its clock.
 */

import { ofCamera } from './camera.js';
import { ServerClock } from './clock.js';
import { waitMs } from './retry.js';
import { leaveForLogin } from './session.js';

/** How often the status is asked for. */
const STATUS_MS = 2000;
/** Longest wait for an answer before it counts as none. */
const ANSWER_MS = 4000;
/** Misses in a row after which the server counts as lost: one may be an accident. */
const MISSES_MAX = 2;
/** Answers about the time that are asked for at once, so that one slow answer does not spoil the first minute. */
const CLOCK_FIRST = 3;
/** How often the server's clock is asked for afterwards. */
const CLOCK_MS = 30_000;

/** Events: `status` when there is a new one, `back` when a lost server answers again. */
export class Server extends EventTarget {
  /** @type {import('./state.js').Facts['contact']} */
  contact = 'none';
  /** The last body of `api/status`; null before the first. @type {unknown} */
  status = null;
  #misses = 0;
  #clock = new ServerClock();

  /** Begins to ask, for ever. */
  start() {
    void this.#watchStatus();
    void this.#watchClock();
  }

  /** The server's time in Unix milliseconds; null before it is known. */
  get now() {
    return this.#clock.at(performance.now());
  }

  /** Counts an answer, or one that did not come. @param {boolean} answered */
  heard(answered) {
    this.#misses = answered ? 0 : this.#misses + 1;
    if (answered) {
      const back = this.contact === 'lost';
      this.contact = 'heard';
      if (back) {
        this.setClockAnew();
        this.dispatchEvent(new Event('back'));
      }
    } else if (this.#misses >= MISSES_MAX) {
      this.contact = 'lost';
    }
  }

  /** The device may have slept, or another server answers now: its clock is asked for again. */
  setClockAnew() {
    this.#clock.reset();
    void this.#askTime();
  }

  /** @param {string} url @returns {Promise<Response | null>} null when the server did not answer for itself */
  async #ask(url) {
    try {
      const response = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS) });
      // A reverse proxy whose server is gone answers with one of these.
      const answered = response.status !== 502 && response.status !== 504;
      this.heard(answered);
      return answered ? response : null;
    } catch {
      this.heard(false);
      return null;
    }
  }

  async #watchStatus() {
    for (;;) {
      const sent = performance.now();
      const response = await this.#ask(ofCamera('api/status'));
      if (response?.status === 401) {
        leaveForLogin();
      }
      const received = performance.now();
      const status = response?.ok ? await response.json().catch(() => null) : null;
      if (status !== null) {
        // Each says the server's time, so that a clock that is set there is known with the next.
        this.#clock.sample(sent, received, String(status.time));
        this.status = status;
        this.dispatchEvent(new Event('status'));
      }
      await wake(response === null ? waitMs(this.#misses - 1) : STATUS_MS);
    }
  }

  async #askTime() {
    const sent = performance.now();
    const response = await this.#ask('time');
    if (response?.ok) {
      const received = performance.now();
      this.#clock.sample(sent, received, await response.text());
    }
  }

  async #watchClock() {
    for (let i = 0; ; i += 1) {
      await this.#askTime();
      if (i >= CLOCK_FIRST) {
        await wake(CLOCK_MS);
      }
    }
  }
}

/** A pause that ends early when a hidden page is looked at again. @param {number} ms */
function wake(ms) {
  return new Promise((resolve) => {
    const done = () => {
      if (!document.hidden) {
        document.removeEventListener('visibilitychange', done);
        clearTimeout(timer);
        resolve(undefined);
      }
    };
    const timer = setTimeout(done, ms);
    document.addEventListener('visibilitychange', done);
  });
}
