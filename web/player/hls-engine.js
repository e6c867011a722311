/**
 * One playback by hls.js, until it fails. player.js builds another one then.
 */

import { bufferedEnd, lacksBeginning } from './buffer.js';
import { lastStep } from './clock-steps.js';
import { loadersOn } from './hls-loaders.js';
import { bisectLast } from './bisect.js';
import { LiveEdgeLoader } from './live-edge-loader.js';
import { isAnotherRun, runOf } from './playlist-facts.js';

/** @typedef {import('./engines.js').Engine} Engine */
/** @typedef {import('./engines.js').EngineEvents} EngineEvents */
/** @typedef {import('hls.js').default} Hls */

/** hls.js is a script of its own, loaded before the modules; it is missing only if it could not be fetched. */
const HlsClass = /** @type {typeof import('hls.js').default | undefined} */ (/** @type {any} */ (globalThis).Hls);

/** Distance kept from the oldest segment, which the server is about to remove. */
const OLDEST_ROOM_S = 2;
/** A media error this soon after the last one is not worth another recovery. */
const RECOVERY_PAUSE_MS = 5000;
/** Until the playlist has the frame rate. */
const FRAME_RATE = 30;

/** Retries of hls.js itself: few and quick, as the page rebuilds the player afterwards, for ever. */
const QUICK = {
  maxTimeToFirstByteMs: 10_000,
  maxLoadTimeMs: 20_000,
  timeoutRetry: { maxNumRetry: 1, retryDelayMs: 0, maxRetryDelayMs: 0 },
  errorRetry: { maxNumRetry: 2, retryDelayMs: 250, maxRetryDelayMs: 500 },
};
const ONCE = { ...QUICK, errorRetry: { maxNumRetry: 0, retryDelayMs: 0, maxRetryDelayMs: 0 } };

/** @type {Partial<import('hls.js').HlsConfig>} */
const SETTINGS = {
  lowLatencyMode: true,
  // liveMaxLatency* stay unset too: hls.js never jumps, for a viewer who watches the past means to.
  // liveSync* stay unset so that PART-HOLD-BACK rules where the player starts; the latency controller takes over from there.
  maxLiveSyncPlaybackRate: 1,
  liveSyncOnStallIncrease: 0.1,
  liveDurationInfinity: true,
  backBufferLength: 30,
  maxBufferLength: 10,
  // Half a part, set exactly once the playlist has the part's length. The default would skip parts of 0.2 s.
  maxFragLookUpTolerance: 0.1,
  // Markers come by api/events. The text track that hls.js would make of EXT-X-DATERANGE begins with a data: URL, which the page forbids.
  enableDateRangeMetadataCues: false,
  manifestLoadPolicy: { default: ONCE },
  playlistLoadPolicy: { default: QUICK },
  fragLoadPolicy: { default: QUICK },
};

/** An archive is loaded from where it is watched on, once its playlist says where that is. */
const ARCHIVE_SETTINGS = { lowLatencyMode: false, autoStartLoad: false };

/** Whether hls.js is there and this browser has what it needs. */
export function hlsWorks() {
  return HlsClass?.isSupported() ?? false;
}

/** @implements {Engine} */
export class HlsEngine {
  hls;
  steered = true;
  #video;
  #events;
  /** The live edge; none in an archive. @type {LiveEdgeLoader | null} */
  #feed;
  /** What the archive has is being loaded. */
  #hasBegun = false;
  /** The moment that an archive is played from; null for the stream. */
  #archiveMs;
  #recoveredAt = -Infinity;
  /** @type {import('./playlist-facts.js').Listed | null} */
  #newest = null;
  /** Another run of the server has begun: its playlist says nothing of the picture that is still shown. */
  #isOver = false;
  /** Number of the first fragment that is dated by the server's clock of now. */
  #datedFrom = -Infinity;

  /**
   * @param {HTMLVideoElement} video
   * @param {{url: string, open: import('../shell/requests.js').Open, archiveMs: number | null}} from
   * @param {EngineEvents} events
   */
  constructor(video, { url, open, archiveMs }, events) {
    const Class = /** @type {typeof import('hls.js').default} */ (HlsClass);
    this.#video = video;
    this.#events = events;
    this.#archiveMs = archiveMs;
    this.#feed = archiveMs === null ? new LiveEdgeLoader(open, () => performance.now()) : null;
    this.hls = new Class({ ...SETTINGS, ...(this.#feed === null ? ARCHIVE_SETTINGS : /** @type {any} */ (loadersOn(this.#feed, Class))) });
    this.hls.on(Class.Events.MANIFEST_PARSED, () => {
      events.heard(true);
      events.ready();
    });
    this.hls.on(Class.Events.LEVEL_LOADED, (_, { details }) => this.#playlistLoaded(details));
    this.hls.on(Class.Events.FRAG_BUFFERED, (_, { frag, part }) => this.#partBuffered(part?.end ?? frag.end));
    this.hls.on(Class.Events.ERROR, (_, error) => this.#error(error));
    this.hls.loadSource(url);
    this.hls.attachMedia(video);
    video.addEventListener('seeking', this.#freeStuckSeek);
  }

  destroy() {
    this.#video.removeEventListener('seeking', this.#freeStuckSeek);
    this.hls.destroy();
    this.#feed?.close();
  }

  stop() {
    this.hls.stopLoad();
    this.#feed?.close();
  }

  /** hls.js steers nothing by itself, as it is set. @param {boolean} following */
  setFollowing(following) {
    this.#feed?.setWanted(following);
  }

  get live() {
    return this.#archiveMs === null ? this.hls.liveSyncPosition : Infinity;
  }

  get oldest() {
    const start = this.#details?.fragmentStart;
    return start === undefined ? null : start + (this.#archiveMs === null ? OLDEST_ROOM_S : 0);
  }

  get window() {
    const details = this.#details;
    const first = this.#dated[0];
    if (!details || !first?.programDateTime) {
      return null;
    }
    const endMs = this.dateAt(details.edge);
    return endMs === null ? null : { startMs: first.programDateTime, endMs };
  }

  /** @param {number} position */
  dateAt(position) {
    const fragment = this.#fragmentBefore(({ start }) => start <= position);
    return fragment?.programDateTime ? fragment.programDateTime + (position - fragment.start) * 1000 : null;
  }

  /** @param {number} ms */
  positionAt(ms) {
    const fragment = this.#fragmentBefore(({ programDateTime }) => programDateTime !== null && programDateTime <= ms, this.#dated);
    return fragment?.programDateTime ? fragment.start + (ms - fragment.programDateTime) / 1000 : null;
  }

  get hasSound() {
    const { levels } = this.hls;
    return levels.length === 0 ? null : levels.some(({ audioCodec }) => audioCodec !== undefined);
  }

  get frameRate() {
    return this.hls.levels[0]?.frameRate || FRAME_RATE;
  }

  /** The fragments that are dated by the server's clock of now. */
  get #dated() {
    const fragments = this.#details?.fragments ?? [];
    const skipped = this.#datedFrom - Number(fragments[0]?.sn ?? 0);
    return skipped > 0 ? fragments.slice(skipped) : fragments;
  }

  get #details() {
    return this.#isOver ? null : this.hls.latestLevelDetails;
  }

  /**
   * The last fragment that the condition holds for, or the first of all: fragments are in order of position and of date.
   * @param {(fragment: import('hls.js').Fragment) => boolean} holds
   */
  #fragmentBefore(holds, fragments = this.#details?.fragments ?? []) {
    return fragments[Math.max(0, bisectLast(fragments, holds))];
  }

  /** @param {import('hls.js').LevelDetails} details */
  #playlistLoaded(details) {
    this.#events.heard(true);
    if (this.#archiveMs !== null) {
      this.#events.windowChanged();
      if (!this.#hasBegun) {
        this.#hasBegun = true;
        this.hls.startLoad(this.positionAt(this.#archiveMs) ?? 0);
      }
      return;
    }
    this.#freeStuckSeek();
    const before = this.#newest;
    const listed = (/** @type {import('hls.js').Fragment | undefined} */ fragment) =>
      fragment ? { number: Number(fragment.sn), date: fragment.programDateTime, run: runOf(fragment.relurl ?? '') } : null;
    this.#newest = listed(details.fragments.at(-1));
    this.#datedFrom = lastStep(/** @type {import('./clock-steps.js').Dated[]} */ (details.fragments), before?.number ?? -Infinity) ?? this.#datedFrom;
    if (details.partTarget) {
      this.hls.config.maxFragLookUpTolerance = details.partTarget / 2;
    }
    const same = before && listed(details.fragments[before.number - details.startSN]);
    if (isAnotherRun(before, this.#newest, same ?? null)) {
      this.#isOver = true;
      this.#events.failed();
    } else if (!details.live) {
      this.#events.ended();
    } else {
      this.#events.windowChanged();
    }
  }

  /**
   * hls.js 1.7 takes a fragment for buffered when only its later parts are, and then waits for ever at a position before those. Rid of
   * them it loads the fragment again.
   */
  #freeStuckSeek = () => {
    const { currentTime, seeking } = this.#video;
    const fragment = this.#fragmentBefore(({ start }) => start <= currentTime);
    if (HlsClass && seeking && fragment && lacksBeginning(this.#video, fragment)) {
      this.hls.trigger(HlsClass.Events.BUFFER_FLUSHING, { startOffset: fragment.start, endOffset: fragment.end, type: null });
    }
  };

  /** @param {number} partEnd in the player's time */
  #partBuffered(partEnd) {
    const details = this.#details;
    const end = bufferedEnd(this.#video);
    if (details && end !== null) {
      const duration = details.partTarget || details.targetduration;
      this.#events.partArrived({ end, duration, newest: partEnd > details.edge - duration / 2 });
    }
  }

  /** @param {import('hls.js').ErrorData} error */
  #error(error) {
    if (error.response !== undefined) {
      this.#events.heard((error.response.code ?? 0) > 0);
    }
    if (!error.fatal) {
      return;
    }
    const now = performance.now();
    if (error.type === HlsClass?.ErrorTypes.MEDIA_ERROR && now - this.#recoveredAt > RECOVERY_PAUSE_MS) {
      this.#recoveredAt = now;
      this.hls.recoverMediaError();
      this.#events.ready();
    } else {
      this.#events.failed();
    }
  }
}
