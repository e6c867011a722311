/**
 * What of the camera can be set, as this page knows it: the server's list, and what is to be set of it.
 */

/** Longest wait for an answer: a driver takes some seconds when it is in trouble. */
const ANSWER_MS = 12_000;

/**
 * @typedef {object} Control
 * @property {string} name
 * @property {string} label what the driver calls it
 * @property {'integer' | 'switch' | 'menu'} kind
 * @property {number} [min] of an integer
 * @property {number} [max]
 * @property {number} [step]
 * @property {{name: string, label: string}[]} [entries] of a menu
 * @property {Value} default
 * @property {Value | null} value null where the driver does not tell
 * @property {boolean} active whether it has an effect now
 */

/** @typedef {number | boolean | string} Value */

export class CameraControls {
  /** None where nothing can be set now. @type {readonly Control[]} */
  all = [];
  /** Changes whenever the list does. */
  version = 0;
  #url;
  #fetch;
  #tell;
  #asked = 0;
  #state = '';
  /** What is to be set, the newest value of each. @type {Map<string, Value>} */
  #wanted = new Map();
  #sending = false;

  /**
   * @param {object} needs
   * @param {string} needs.camera whose controls they are
   * @param {typeof fetch} needs.fetch
   * @param {(text: string) => void} needs.tell shows a sentence
   */
  constructor({ camera, fetch, tell }) {
    this.#url = `api/cameras/${camera}/controls`;
    this.#fetch = fetch;
    this.#tell = tell;
  }

  /** What the events of the server mean for it. @returns {import('./events.js').Hooks} */
  get hooks() {
    return {
      connected: () => void this.refresh(),
      event: (name) => {
        if (name === 'controls-changed' || name === 'camera-back') {
          void this.refresh();
        } else if (name === 'camera-lost') {
          this.forget();
        }
      },
    };
  }

  /** The state of the source, as it is told again and again: a camera that is opened for a viewer has no event. @param {string} state */
  sourceIs(state) {
    if (state === 'live' && this.#state !== 'live') {
      void this.refresh();
    }
    this.#state = state;
  }

  /** Asks for the list. A camera that is gone, or has none, has an empty one. */
  async refresh() {
    this.#asked += 1;
    const asked = this.#asked;
    const answer = await this.#ask({ cache: 'no-store' });
    const listed = answer?.ok ? await answer.json().catch(() => null) : null;
    // Only the newest answer counts, and what is being set is newer.
    if (asked === this.#asked && !this.#sending) {
      this.#set(listed?.controls ?? []);
    }
  }

  /** The camera is gone. */
  forget() {
    this.#asked += 1;
    this.#set([]);
  }

  /** Sets a control. Of values that come faster than the camera takes them the newest counts. @param {string} name @param {Value} value */
  set(name, value) {
    this.#wanted.set(name, value);
    return this.#send();
  }

  /** Sets every control that has an effect to its default: first what switches something, for it may give others an effect. */
  async reset() {
    for (const isNumber of [false, true]) {
      for (const { kind, name, value, default: normal, active } of this.all) {
        if (active && value !== normal && (kind === 'integer') === isNumber) {
          this.#wanted.set(name, normal);
        }
      }
      await this.#send();
    }
  }

  async #send() {
    if (this.#sending) {
      return;
    }
    this.#sending = true;
    while (this.#wanted.size > 0) {
      const body = JSON.stringify(Object.fromEntries(this.#wanted));
      this.#wanted.clear();
      const answer = await this.#ask({ method: 'PUT', headers: { 'content-type': 'application/json' }, body });
      if (answer?.ok) {
        const listed = await answer.json().catch(() => null);
        this.#set(listed?.controls ?? this.all);
      } else {
        const why = await answer?.text().catch(() => '');
        this.#tell(why?.trim() || 'The server cannot be reached; try again.');
        this.#wanted.clear();
        // What is shown is what is.
        this.version += 1;
      }
    }
    this.#sending = false;
  }

  /** @param {RequestInit} init */
  #ask(init) {
    return this.#fetch(this.#url, { ...init, signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => null);
  }

  /** @param {Control[]} all */
  #set(all) {
    this.all = all;
    this.version += 1;
  }
}
