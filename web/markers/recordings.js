/**
 * The recordings of the server as this page knows them, and what is asked of the server about them.
 */

import { clockText, durationText } from '../shell/clock.js';

/** Longest wait for an answer. */
const ANSWER_MS = 10_000;
/** How long a deleted one can be had back: so long the server is not told. */
export const UNDO_MS = 8000;
/** What a press of the key keeps. */
export const KEEP_MS = 30_000;

/**
 * @typedef {object} Recording
 * @property {string} id
 * @property {string | null} name
 * @property {number} from Unix milliseconds
 * @property {number | null} to null while it goes on; may lie ahead
 * @property {boolean} protect
 * @property {string} file its address, relative to the page
 */

/**
 * @typedef {object} Needs
 * @property {string} camera whose recordings they are
 * @property {(text: string) => void} tell shows a sentence
 * @property {typeof fetch} fetch
 * @property {(done: () => void, ms: number) => any} later `setTimeout`
 */

export class Recordings {
  /** Changes whenever the list does. */
  version = 0;
  /** Newest first. @type {readonly Recording[]} */
  all = [];
  /** Those that are deleted here, of which the server is yet to be told. @type {Map<string, object>} */
  #deleted = new Map();
  #needs;
  #asked = 0;

  /** @param {Needs} needs */
  constructor(needs) {
    this.#needs = needs;
  }

  /** What the events of the server mean for it. @returns {import('../shell/events.js').Hooks} */
  get hooks() {
    return {
      connected: () => void this.refresh(),
      event: (name) => {
        if (name === 'recording-begin' || name === 'recording-end') {
          void this.refresh();
        }
      },
    };
  }

  /** What is never deleted. @returns {{from: number, to: number}[]} */
  get kept() {
    const kept = this.all.filter(({ id, protect }) => protect && !this.isDeleted(id));
    return kept.map(({ from, to }) => ({ from, to: to ?? Infinity }));
  }

  /** Asks for the list. One that cannot be had is asked for with the next event, or connection. */
  async refresh() {
    this.#asked += 1;
    const asked = this.#asked;
    const answer = await this.#ask('', 'GET').catch(() => null);
    const listed = answer?.ok ? await answer.json().catch(() => null) : null;
    // Only the newest answer counts.
    if (listed !== null && asked === this.#asked) {
      this.#set(listed.recordings.map(recordingOf));
    }
  }

  /** Keeps what was from a moment to another. @param {number} from @param {number} to */
  keep(from, to) {
    return this.#change('', 'POST', { from: new Date(from).toISOString(), to: new Date(to).toISOString() });
  }

  /** @param {string} id @param {{name?: string | null, protect?: boolean, stop?: true}} changes */
  edit(id, changes) {
    return this.#change(`/${id}`, 'PATCH', changes);
  }

  /** Whether it was deleted here and can still be had back. @param {string} id */
  isDeleted(id) {
    return this.#deleted.has(id);
  }

  /** Deletes it, unless it is wanted back in time. @param {string} id */
  remove(id) {
    const wish = {};
    this.#deleted.set(id, wish);
    this.version += 1;
    this.#needs.later(() => this.#deleted.get(id) === wish && void this.#delete(id), UNDO_MS);
  }

  /** @param {string} id */
  restore(id) {
    this.#deleted.delete(id);
    this.version += 1;
  }

  /** The page goes: nobody can want one back any more. */
  leave() {
    [...this.#deleted.keys()].forEach((id) => void this.#delete(id));
  }

  /** @param {string} id */
  async #delete(id) {
    // Somebody else may have been faster.
    if (this.all.some((recording) => recording.id === id)) {
      await this.#change(`/${id}`, 'DELETE');
    }
    this.#deleted.delete(id);
    this.version += 1;
  }

  /**
   * Asks for a change, and shows it as soon as the server has said yes; a no is told.
   * @param {string} path @param {string} method @param {object} [body]
   * @returns {Promise<boolean>}
   */
  async #change(path, method, body) {
    const answer = await this.#ask(path, method, body).catch(() => null);
    if (!answer?.ok) {
      const why = answer === null ? 'The server cannot be reached; try again.' : (await answer.text()).trim();
      this.#needs.tell(why || `The server answered ${answer?.status}.`);
      void this.refresh();
      return false;
    }
    // An answer to what was asked before does not have this in it.
    this.#asked += 1;
    if (method === 'DELETE') {
      this.#set(this.all.filter(({ id }) => `/${id}` !== path));
    } else {
      const changed = recordingOf(await answer.json());
      this.#set([...this.all.filter(({ id }) => id !== changed.id), changed]);
    }
    return true;
  }

  /** @param {string} path @param {string} method @param {object} [body] */
  #ask(path, method, body) {
    const { camera, fetch } = this.#needs;
    return fetch(`api/recordings${path}?camera=${camera}`, {
      method,
      cache: 'no-store',
      // A page that goes does not take its last wish with it.
      keepalive: method === 'DELETE',
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
  }

  /** @param {Recording[]} all */
  #set(all) {
    this.all = [...all].sort((a, b) => b.from - a.from || (a.id < b.id ? 1 : -1));
    this.version += 1;
  }
}

/** @param {any} listed as the server writes it @returns {Recording} */
export function recordingOf({ id, name, from, to, protect, file }) {
  return { id, name: name ?? null, from: Date.parse(from), to: to === null || to === undefined ? null : Date.parse(to), protect, file };
}

/** What a recording is called: by its name, or else by its time. @param {Recording} recording @param {Date} today */
export function titleOf({ name, from }, today) {
  return name ?? clockText(new Date(from), today);
}

/** Whether it still grows. @param {Recording} recording @param {number} now */
export function goesOn({ to }, now) {
  return to === null || to > now;
}

/**
 * How long it is, in words.
 * @param {Recording} recording @param {number} now
 * @param {number | null} oldest the first moment that there is footage of; null where that is not known
 */
export function lengthText(recording, now, oldest) {
  const { from, to } = recording;
  if (goesOn(recording, now)) {
    return 'now';
  }
  return hasFootage(recording, oldest) ? durationText((to ?? now) - from) : 'no footage any more';
}

/** Whether there is still something of it: one that is not protected is a name for its time. @param {Recording} recording @param {number | null} oldest */
export function hasFootage({ to }, oldest) {
  return to === null || oldest === null || to > oldest;
}

/**
 * What is kept when somebody wants to keep what just happened: the half minute up to the moment shown when live; around it in the past.
 * @param {number} at the moment shown
 * @param {boolean} following whether it is live
 * @param {{startMs: number, endMs: number}} window what there is
 * @returns {{from: number, to: number}}
 */
export function stretchAround(at, following, { startMs, endMs }) {
  const to = following ? at : Math.min(at + KEEP_MS / 2, Math.max(endMs, at));
  return { from: Math.ceil(Math.max(startMs, to - KEEP_MS)), to: Math.ceil(to) };
}
