/**
 * One playback by dash.js, until it fails. dash.js is fetched only for it. It holds its own distance from the live
 * edge, as the manifest asks.
 */

/** @typedef {import('./engines.js').Engine} Engine */
/** @typedef {import('./engines.js').EngineEvents} EngineEvents */

/** Distance kept from the oldest segment, which the server is about to remove. */
const OLDEST_ROOM_S = 2;
/** Until the manifest has the frame rate. */
const FRAME_RATE = 30;

/** The module as the server has it, beside the page. */
const DASH_URL = 'dash.js';

/** @implements {Engine} */
export class DashEngine {
  hls = null;
  steered = false;
  /** @type {import('dashjs').MediaPlayerClass | null} */
  #dash = null;
  #video;
  #url;
  #events;
  #over = false;
  #following = true;
  /** Date of position 0. @type {number | null} */
  #startMs = null;

  /** @param {HTMLVideoElement} video @param {string} url @param {EngineEvents} events */
  constructor(video, url, events) {
    this.#video = video;
    this.#url = url;
    this.#events = events;
    this.#start().catch(() => events.failed());
  }

  async #start() {
    const { MediaPlayer } = /** @type {typeof import('dashjs')} */ (await import(new URL(DASH_URL, document.baseURI).href));
    if (this.#over) {
      return;
    }
    const dash = MediaPlayer().create();
    this.#dash = dash;
    dash.on('manifestLoaded', ({ data }) => this.#manifestLoaded(data));
    dash.on('canPlay', () => this.#events.ready());
    dash.on('error', () => this.#events.failed());
    dash.initialize(this.#video, this.#url, this.#video.autoplay);
    this.setFollowing(this.#following);
  }

  destroy() {
    this.#over = true;
    this.#dash?.destroy();
  }

  /** dash.js keeps asking, which does no harm until it is destroyed. */
  stop() {}

  /** The past must not be hurried after the present. @param {boolean} following */
  setFollowing(following) {
    this.#following = following;
    this.#dash?.updateSettings({ streaming: { liveCatchup: { enabled: following } } });
  }

  get live() {
    const range = this.#range;
    return range && this.#dash ? range.end - this.#dash.getTargetLiveDelay() : null;
  }

  get oldest() {
    return this.#range ? this.#range.start + OLDEST_ROOM_S : null;
  }

  get window() {
    const range = this.#range;
    const [start, end] = range ? [this.dateAt(range.start), this.dateAt(range.end)] : [null, null];
    return start === null || end === null ? null : { startMs: start, endMs: end };
  }

  /** @param {number} position */
  dateAt(position) {
    return this.#startMs === null ? null : this.#startMs + position * 1000;
  }

  /** @param {number} ms */
  positionAt(ms) {
    return this.#startMs === null ? null : (ms - this.#startMs) / 1000;
  }

  get hasSound() {
    return this.#range ? (this.#dash?.getTracksFor('audio').length ?? 0) > 0 : null;
  }

  get frameRate() {
    return this.#dash?.isReady() ? (this.#dash.getCurrentRepresentationForType('video')?.frameRate ?? FRAME_RATE) : FRAME_RATE;
  }

  get #range() {
    const range = this.#dash?.isReady() && this.#startMs !== null ? this.#dash.getDvrWindow() : null;
    return range && range.end > range.start ? range : null;
  }

  /** @param {any} manifest */
  #manifestLoaded(manifest) {
    this.#events.heard(true);
    const startMs = Number(manifest?.availabilityStartTime);
    if (manifest?.type === 'static') {
      this.#events.ended();
    } else if (this.#startMs !== null && startMs !== this.#startMs) {
      // Another run of the server: its segments are not those of the one that plays.
      this.#events.failed();
    } else {
      this.#startMs = Number.isFinite(startMs) ? startMs : null;
      this.#events.windowChanged();
    }
  }
}
