/**
 * Requests of several pages for the same address as one. Pure but for the function that makes them.
 */

/** @typedef {import('./requests.js').Hooks} Hooks */
/** @typedef {import('./requests.js').Open} Open */

/** Joins requests that are under way at the same time. */
export class JoinedRequests {
  #open;
  /** @type {Map<string, {chunks: Uint8Array[], hooks: Set<Hooks>, cancel: () => void}>} */
  #underWay = new Map();

  /** @param {Open} open */
  constructor(open) {
    this.#open = open;
  }

  /** Like `Open`; a caller that joins later gets the bytes that came before. @param {string} url @param {Hooks} hooks */
  open(url, hooks) {
    const request = this.#underWay.get(url) ?? this.#begin(url);
    request.chunks.forEach((bytes) => hooks.chunk(bytes));
    request.hooks.add(hooks);
    return () => {
      if (request.hooks.delete(hooks) && request.hooks.size === 0 && this.#underWay.get(url) === request) {
        this.#underWay.delete(url);
        request.cancel();
      }
    };
  }

  /** @param {string} url */
  #begin(url) {
    const request = { chunks: /** @type {Uint8Array[]} */ ([]), hooks: /** @type {Set<Hooks>} */ (new Set()), cancel: () => {} };
    this.#underWay.set(url, request);
    const over = () => {
      this.#underWay.delete(url);
      return [...request.hooks];
    };
    request.cancel = this.#open(url, {
      chunk: (bytes) => {
        request.chunks.push(bytes);
        request.hooks.forEach((hooks) => hooks.chunk(bytes));
      },
      end: () => over().forEach((hooks) => hooks.end()),
      failed: () => over().forEach((hooks) => hooks.failed()),
    });
    return request;
  }
}
