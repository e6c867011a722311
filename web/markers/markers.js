/**
 * The markers of this page: the list of the server, kept up to date by its events, and which kinds the viewer wants to see.
 */

import { CAMERA, ofCamera } from '../shell/camera.js';
import { MarkerFeed } from './marker-feed.js';
import { MarkerStore } from './marker-store.js';

/** Longest wait for an answer. */
const ANSWER_MS = 10_000;

export class Marks {
  store = new MarkerStore();
  /** Kinds that are not shown. @type {Set<string>} */
  hidden = new Set();
  /** Whether the server has told its markers at all. */
  known = false;
  #player;

  /** @param {import('../player/player.js').Player} player */
  constructor(player) {
    this.#player = player;
  }

  /** Follows the server's events, for as long as the page is open. @returns {import('../shell/events.js').Hooks} what it wants to hear */
  start() {
    const feed = new MarkerFeed(this.store, () => this.#player.window?.startMs ?? null, (path) => this.#ask(path), setTimeout.bind(window));
    this.#player.addEventListener('window', () => this.store.forgetBefore(this.#player.window?.startMs ?? -Infinity));
    return { connected: () => void feed.refresh(), event: (name, data) => feed.event(name, data) };
  }

  /** Shows a kind or hides it. @param {string} kind */
  toggle(kind) {
    if (!this.hidden.delete(kind)) {
      this.hidden.add(kind);
    }
  }

  /**
   * Writes a note at a moment. It comes back as an event, like everybody's.
   * @param {string} text @param {number} at
   * @returns {Promise<string>} empty, or why it could not be written
   */
  async addNote(text, at) {
    const moment = new Date(at).toISOString();
    try {
      const response = await fetch(ofCamera('api/markers'), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ kind: 'note', text, begin: moment, end: moment }),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      return response.ok ? '' : (await response.text()) || `The server answered ${response.status}.`;
    } catch {
      return 'The server cannot be reached; try again.';
    }
  }

  /** @param {string} path with a query */
  async #ask(path) {
    const response = await fetch(`${path}&camera=${CAMERA}`, { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS) });
    if (!response.ok) {
      throw new Error(`${path}: ${response.status}`);
    }
    this.known = true;
    return response.json();
  }
}
