/**
 * Keeps a marker store like the server's: asks for the list, and applies events to it in the order that they happened.
 */

import { MARKERS_MAX } from './marker-store.js';

/** Markers per answer: a few hundred kilobytes. */
const PAGE = 1000;
/** The wait before a list that could not be had is asked for again. */
const AGAIN_MS = 3000;
/** Events that wait for a list at most. Of more than that the list is asked for again instead. */
const WAITING_MAX = 10_000;

/** Feeds one store. */
export class MarkerFeed {
  #store;
  #since;
  #ask;
  #later;
  /** Events that came while the list was on its way; null when none is. @type {{name: string, data: any}[] | null} */
  #waiting = null;
  #stale = false;
  /** Whether the list will be asked for again by itself. */
  #again = false;

  /**
   * @param {import('./marker-store.js').MarkerStore} store
   * @param {() => number | null} since when the window begins, for older markers are of no use; null while that is not known
   * @param {(path: string) => Promise<any>} ask GET, as JSON; fails when the server does not answer well
   * @param {(done: () => void, ms: number) => void} later `setTimeout`
   */
  constructor(store, since, ask, later) {
    this.#store = store;
    this.#since = since;
    this.#ask = ask;
    this.#later = later;
  }

  /** Asks for the whole list. */
  async refresh() {
    if (this.#waiting !== null) {
      this.#stale = true;
      return;
    }
    this.#waiting = [];
    do {
      this.#stale = false;
      try {
        this.#store.replace(await this.#list());
      } catch {
        // Without a list the events still make one, from now on.
        this.#refreshLater();
      }
    } while (this.#stale);
    const waiting = this.#waiting;
    this.#waiting = null;
    for (const { name, data } of waiting) {
      this.event(name, data);
    }
  }

  /** One wait at a time: each reconnection asks too. */
  #refreshLater() {
    if (!this.#again) {
      this.#again = true;
      this.#later(() => {
        this.#again = false;
        void this.refresh();
      }, AGAIN_MS);
    }
  }

  /** @param {string} name @param {any} data */
  event(name, data) {
    if (this.#waiting !== null) {
      if (this.#waiting.push({ name, data }) > WAITING_MAX) {
        this.#waiting.length = 0;
        this.#stale = true;
      }
    } else if (name === 'marker-begin') {
      this.#store.begin(data.marker);
    } else if (name === 'marker-change' || name === 'marker-end') {
      this.#store.put(data.marker);
    } else if (name === 'marker-removed') {
      this.#store.remove(data.id);
    }
  }

  async #list() {
    const since = this.#since();
    const query = `api/markers?limit=${PAGE}${since === null ? '' : `&from=${new Date(since).toISOString()}`}`;
    /** @type {unknown[]} */
    let listed = [];
    for (let path = query; ; ) {
      const { markers, next } = await this.#ask(path);
      listed = [...listed, ...markers].slice(-MARKERS_MAX);
      if (!next) {
        return listed;
      }
      path = `${query}&cursor=${encodeURIComponent(next)}`;
    }
  }
}
