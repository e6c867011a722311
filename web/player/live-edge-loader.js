/**
 * The live edge of the stream by two requests for each segment, whatever the length of its parts and of the network's round trip.
 *
 * hls.js asks for the playlist and for each part in turn, and so falls behind once a round trip takes longer than a part. Here the
 * segment that is being written is asked for once, as MPEG-DASH does it, and its parts are given out as they come; the playlists that
 * list them are written from the last one of the server's. The server's next one, which lists the segment as a whole, is asked for at
 * the same time; the server holds it until then.
 *
 * What is not at the edge is answered with null: the caller asks the network then.
 */

import { ProgressiveSegment } from './progressive-segment.js';
import { LivePlaylist } from './live-playlist.js';

/** An answer that was asked for ahead is worth no more than a new one after this. */
const STALE_MS = 3000;
/** A segment that the playlist lists parts of, and of which nothing came for so long, is held back by something on the way. */
const HELD_BACK_MS = 700;
/** How often in a row that may happen before single parts are asked for instead. */
const FAILURES_MAX = 2;

/** @typedef {import('../shell/requests.js').Open} Open */

/** The live edge for one playback. */
export class LiveEdgeLoader {
  #open;
  #now;
  #wanted = true;
  #failures = 0;
  #base = '';
  /** @type {LivePlaylist | null} */
  #last = null;
  #learnedAt = 0;
  /** By their addresses. @type {Map<string, ProgressiveSegment>} */
  #growing = new Map();
  /** The server's next playlist. @type {{msn: number, url: string, answer: Promise<string | null>, cameAt: number, cancel: () => void} | null} */
  #ahead = null;

  /** @param {Open} open @param {() => number} now milliseconds of a steady clock */
  constructor(open, now) {
    this.#open = open;
    this.#now = now;
  }

  /** Whether the newest picture is wanted at all: not while the past is watched, nor while the picture is held. @param {boolean} wanted */
  setWanted(wanted) {
    this.#wanted = wanted;
    if (!wanted) {
      this.close();
    }
  }

  /** Cancels what is under way. */
  close() {
    this.#growing.forEach((growing) => growing.cancel());
    this.#growing.clear();
    this.#ahead?.cancel();
    this.#ahead = null;
    this.#last = null;
  }

  /** A playlist came from the network. @param {string} url @param {string} text */
  learn(url, text) {
    const playlist = new LivePlaylist(text);
    const { next, firstPartS } = playlist;
    if (!this.#works || next === null) {
      return;
    }
    this.#base = url.split('?')[0];
    this.#last = playlist;
    this.#learnedAt = this.#now();
    if (next.part > 0 && firstPartS !== null) {
      void this.#grow(next.msn)?.calibrate(firstPartS);
      this.#askAhead(next.msn + 1);
    }
    for (const [address, growing] of this.#growing) {
      // Parts of the one before may still be wanted.
      if (Math.abs(growing.msn - next.msn) > 1) {
        growing.cancel();
        this.#growing.delete(address);
      }
    }
  }

  /**
   * The text of a playlist that lists a part, once it is there.
   * @param {string} url with the delivery directives of RFC 8216bis §6.2.5
   * @returns {Promise<string | null> | null}
   */
  playlist(url) {
    const directives = new URL(url).searchParams;
    const [msn, part] = ['_HLS_msn', '_HLS_part'].map((name) => Number(directives.get(name) ?? NaN));
    const next = this.#last?.next ?? null;
    if (!this.#works || next === null || url.split('?')[0] !== this.#base || Number.isNaN(part)) {
      return null;
    }
    if (msn === next.msn + 1 && part === 0) {
      return this.#fromAhead(msn);
    }
    const growing = this.#growing.get(this.#addressOf(next.segmentName(msn)));
    return msn === next.msn && growing !== undefined ? this.#listing(growing, part) : null;
  }

  /**
   * The bytes of a part.
   * @param {string} url
   * @returns {Promise<ArrayBuffer | null> | null}
   */
  part(url) {
    const [, folder, name, number, suffix] = url.match(/^(.*\/)part-(.+)\.(\d+)(\.\w+)$/) ?? [];
    const growing = this.#growing.get(`${folder}seg-${name}${suffix}`);
    return growing === undefined || growing.failed ? null : growing.bytes(Number(number));
  }

  get #works() {
    return this.#wanted && this.#failures < FAILURES_MAX;
  }

  /** @param {string} name */
  #addressOf(name) {
    return new URL(name, this.#base).href;
  }

  /** @param {number} msn */
  #grow(msn) {
    const name = this.#last?.next?.segmentName(msn);
    if (name === undefined) {
      return null;
    }
    const address = this.#addressOf(name);
    const known = this.#growing.get(address);
    if (known !== undefined && !known.failed) {
      return known;
    }
    const growing = new ProgressiveSegment(this.#open, address, msn);
    this.#growing.set(address, growing);
    return growing;
  }

  /** @param {number} msn */
  #askAhead(msn) {
    if (this.#ahead?.msn === msn) {
      return;
    }
    this.#ahead?.cancel();
    const url = `${this.#base}?_HLS_msn=${msn}&_HLS_part=0${this.#last?.skip ? `&_HLS_skip=${this.#last.skip}` : ''}`;
    const ahead = { msn, url, cameAt: Infinity, ...textOf(this.#open, url) };
    void ahead.answer.then(() => (ahead.cameAt = this.#now()));
    this.#ahead = ahead;
  }

  /** @param {number} msn @returns {Promise<string | null>} */
  async #fromAhead(msn) {
    const ahead = this.#ahead;
    const text = ahead?.msn === msn ? await ahead.answer : null;
    if (ahead === null || text === null || this.#now() - ahead.cameAt > STALE_MS) {
      return null;
    }
    if (this.#ahead === ahead) {
      this.#ahead = null;
      this.#judge();
      this.learn(ahead.url, text);
    }
    return text;
  }

  /** The segment has ended: if nothing of it has come, then somebody on the way keeps it until it is whole. */
  #judge() {
    const { next } = this.#last ?? {};
    const growing = next ? this.#growing.get(this.#addressOf(next.segmentName(next.msn))) : undefined;
    const heldBack = growing?.count === 0 && this.#now() - this.#learnedAt > HELD_BACK_MS;
    this.#failures = heldBack ? this.#failures + 1 : 0;
  }

  /** @param {ProgressiveSegment} growing @param {number} part */
  async #listing(growing, part) {
    const playlist = this.#last;
    const ahead = this.#ahead;
    // The next segment is asked for before it begins, so that its first part waits for no round trip. The server holds the request.
    if (playlist !== null && part >= playlist.partsInSegment / 2) {
      this.#grow(growing.msn + 1);
    }
    // Whichever comes first: the part, or the playlist in which the segment has ended.
    await Promise.race([growing.reached(part), ...(ahead === null ? [] : [ahead.answer])]);
    if (growing.count > part && growing.calibrated && playlist !== null) {
      return playlist.with(growing.parts);
    }
    if (growing.failed) {
      return null;
    }
    return this.#fromAhead(growing.msn + 1);
  }
}

/** @param {Open} open @param {string} url @returns {{answer: Promise<string | null>, cancel: () => void}} null when there is no good answer */
function textOf(open, url) {
  const decoder = new TextDecoder();
  let text = '';
  let cancel = () => {};
  /** @type {Promise<string | null>} */
  const answer = new Promise((resolve) => {
    const stop = open(url, {
      chunk: (bytes) => (text += decoder.decode(bytes, { stream: true })),
      end: () => resolve(text + decoder.decode()),
      failed: () => resolve(null),
    });
    cancel = () => {
      stop();
      resolve(null);
    };
  });
  return { answer, cancel };
}
