/**
 * The video element with hls.js or the browser's own HLS behind it: builds it, holds it at the live edge, and builds it again after
 * every kind of failure. It decides nothing that latency.js, retry.js or state.js can decide; viewer.js is its only caller.
 */

import { LatencyController } from './latency.js';
import { isAnotherRun, playlistFacts, waitMs } from './retry.js';

/** hls.js is a script of its own, loaded before the modules; it is missing only if it could not be fetched. */
const Hls = /** @type {typeof import('hls.js').default | undefined} */ (/** @type {any} */ (globalThis).Hls);

/** Playback within this of where it should be counts as live: a pause shorter than it is made up for by itself. */
const LIVE_LAG_S = 3;
/** A picture that has not moved for this long is not called live. */
const STILL_MS = 2000;
/** A player that should move and does not for this long is built anew. */
const STUCK_MS = 6000;
/** A player that has run for this long has recovered: the next failure is a new one. */
const RECOVERED_MS = 5000;
/** Distance kept from the oldest segment, which the server is about to remove. */
const OLDEST_ROOM_S = 2;
/** A buffer that is not dry: a few frames. */
const FULL_S = 0.1;
/** Longest wait for a playlist before it counts as failed. */
const PROBE_TIMEOUT_MS = 5000;

/** Retries of hls.js itself: few and quick, as this page rebuilds the player afterwards, for ever. */
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
  // liveMaxLatency* stay unset too: hls.js never jumps, for somebody who watches the past means to.
  // liveSync* stay unset so that PART-HOLD-BACK rules where the player starts; the latency controller takes over from there.
  maxLiveSyncPlaybackRate: 1,
  liveSyncOnStallIncrease: 0.1,
  liveDurationInfinity: true,
  backBufferLength: 30,
  maxBufferLength: 10,
  // Half a part, set exactly once the playlist tells the part's length. The default would skip parts of 0.2 s.
  maxFragLookUpTolerance: 0.1,
  manifestLoadPolicy: { default: ONCE },
  playlistLoadPolicy: { default: QUICK },
  fragLoadPolicy: { default: QUICK },
};

/** Plays one live stream for ever. */
export class Player {
  /** @type {import('hls.js').default | null} */
  #hls = null;
  #control = new LatencyController();
  #video;
  #url;
  #heard;
  /** @type {import('./state.js').Facts['stream']} */
  #stream = 'none';
  #following = true;
  #wantsPlay = true;
  #refused = false;
  #lastPosition = -1;
  #movedAt = -Infinity;
  #builtAt = 0;
  #failures = 0;
  #mediaFailedAt = -Infinity;
  #probing = false;
  /** @type {import('./retry.js').Listed[]} */
  #listed = [];

  /**
   * @param {HTMLVideoElement} video
   * @param {string} url of the multivariant playlist
   * @param {(answered: boolean) => void} heard told whether the server answered a request of the player's
   */
  constructor(video, url, heard) {
    this.#video = video;
    this.#url = url;
    this.#heard = heard;
    video.addEventListener('pause', () => this.#paused());
    video.addEventListener('play', () => this.#played());
    video.addEventListener('ended', () => (this.#following = true));
    video.addEventListener('error', () => this.#hls === null && this.#failed());
    video.addEventListener('waiting', () => this.#waiting());
  }

  /** Begins to play. */
  start() {
    this.#build();
  }

  /** What state.js wants to know of the playback. */
  get facts() {
    return {
      stream: this.#stream,
      moving: performance.now() - this.#movedAt < STILL_MS,
      paused: !this.#wantsPlay || this.#refused,
      following: this.#following,
    };
  }

  /** Capture time of the picture shown, Unix milliseconds, or null while it is not known. */
  get captureTime() {
    if (this.#stream === 'none') {
      return null;
    }
    if (this.#hls !== null) {
      return this.#hls.playingDate?.getTime() ?? null;
    }
    const start = /** @type {any} */ (this.#video).getStartDate?.().getTime();
    return Number.isFinite(start) ? start + this.#video.currentTime * 1000 : null;
  }

  /** Whether the stream has sound; null while it is not known. */
  get hasSound() {
    const levels = this.#hls?.levels ?? [];
    return levels.length === 0 ? null : levels.some(({ audioCodec }) => audioCodec !== undefined);
  }

  /** Pauses or plays, as the user wants. */
  togglePlay() {
    if (this.#video.paused) {
      this.#play();
    } else {
      this.#video.pause();
    }
  }

  /** Goes to the newest picture and stays there. */
  jumpToLive() {
    this.#following = true;
    this.#wantsPlay = true;
    this.#control.reset();
    const target = this.#hls?.liveSyncPosition ?? this.#seekableEnd();
    if (target !== null && target > this.#video.currentTime) {
      this.#video.currentTime = target;
    }
    this.#play();
  }

  /** Moves within the window; forward to the edge means live. @param {number} seconds */
  skip(seconds) {
    const edge = this.#hls?.liveSyncPosition ?? this.#seekableEnd();
    if (edge === null) {
      return;
    }
    const target = this.#video.currentTime + seconds;
    if (target > edge - LIVE_LAG_S && seconds > 0) {
      this.jumpToLive();
      return;
    }
    this.#follow(target > edge - LIVE_LAG_S);
    this.#video.currentTime = Math.max(target, this.#oldest());
  }

  /** The page was hidden and is back: timers slept, so what is in the buffer says nothing of the network. */
  resume() {
    if (this.#following && this.#wantsPlay) {
      this.jumpToLive();
    } else {
      // Browsers pause hidden videos; the past goes on from where it was.
      this.#playIfWanted();
    }
  }

  /** Tries now rather than after the wait: the server was just heard again. */
  serverIsBack() {
    if (this.#probing) {
      this.#failures = 0;
    }
  }

  /** To be called about ten times a second: steers the rate, and notices what no event tells. */
  tick() {
    const video = this.#video;
    const now = performance.now();
    if (video.currentTime !== this.#lastPosition && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
      this.#moved(now);
    }
    if (this.#hls !== null && !video.seeking && !video.paused) {
      this.#steer(now / 1000);
    }
    const since = Math.max(this.#movedAt, this.#builtAt);
    if (!this.facts.paused && this.#stream !== 'ended' && !this.#probing && !document.hidden && now - since > STUCK_MS) {
      this.#failed();
    }
  }

  /** @param {number} now in milliseconds */
  #moved(now) {
    // The first position of a new player is where it begins, not a movement.
    if (this.#lastPosition >= 0 && !this.#video.paused) {
      this.#movedAt = now;
      this.#stream = this.#stream === 'none' ? 'shown' : this.#stream;
    }
    this.#lastPosition = this.#video.currentTime;
    if (now - this.#builtAt > RECOVERED_MS) {
      this.#failures = 0;
    }
  }

  /** @param {number} now in seconds */
  #steer(now) {
    const video = this.#video;
    const oldest = this.#oldest();
    if (!this.#following) {
      this.#setRate(1);
      if (video.currentTime < oldest - OLDEST_ROOM_S) {
        video.currentTime = oldest;
      }
      return;
    }
    const end = bufferedEnd(video);
    if (end === null || this.#stream !== 'shown') {
      return;
    }
    const { rate, seekTo } = this.#control.decide({ now, position: video.currentTime, end });
    this.#setRate(rate);
    if (seekTo !== null) {
      video.currentTime = seekTo;
    }
  }

  /** @param {number} rate */
  #setRate(rate) {
    if (this.#video.playbackRate !== rate) {
      this.#video.playbackRate = rate;
    }
  }

  #build() {
    this.#hls?.destroy();
    this.#hls = null;
    this.#stream = 'none';
    this.#listed = [];
    this.#lastPosition = -1;
    this.#movedAt = -Infinity;
    this.#builtAt = performance.now();
    this.#control.reset();
    // A user who paused before a failure still wants it paused.
    this.#video.autoplay = this.#wantsPlay;
    if (Hls?.isSupported()) {
      this.#hls = this.#newHls(Hls);
    } else {
      this.#video.src = this.#url;
      this.#playIfWanted();
    }
  }

  /** @param {typeof import('hls.js').default} Hls */
  #newHls(Hls) {
    const hls = new Hls(SETTINGS);
    hls.on(Hls.Events.MANIFEST_PARSED, () => {
      this.#heard(true);
      this.#playIfWanted();
    });
    hls.on(Hls.Events.LEVEL_LOADED, (_, { details }) => this.#playlistLoaded(details));
    hls.on(Hls.Events.FRAG_BUFFERED, (_, { frag, part }) => this.#partBuffered(part?.end ?? frag.end));
    hls.on(Hls.Events.ERROR, (_, error) => this.#hlsError(error));
    hls.loadSource(this.#url);
    hls.attachMedia(this.#video);
    return hls;
  }

  /** @param {import('hls.js').LevelDetails} details */
  #playlistLoaded(details) {
    this.#heard(true);
    const listed = details.fragments.map(({ sn, programDateTime }) => ({ number: Number(sn), date: programDateTime }));
    const changed = isAnotherRun(this.#listed, listed);
    this.#listed = listed;
    if (this.#hls !== null && details.partTarget) {
      this.#hls.config.maxFragLookUpTolerance = details.partTarget / 2;
    }
    if (changed) {
      this.#failed();
    } else if (!details.live) {
      this.#stream = 'ended';
      this.#setRate(1);
      this.#failed();
    }
  }

  /** @param {number} partEnd in the player's time */
  #partBuffered(partEnd) {
    const details = this.#hls?.latestLevelDetails;
    const end = bufferedEnd(this.#video);
    if (!details || end === null || !this.#following || this.#video.paused || document.hidden) {
      return;
    }
    const duration = details.partTarget || details.targetduration;
    this.#control.partArrived({ now: performance.now() / 1000, end, duration, newest: partEnd > details.edge - duration / 2 });
  }

  /** The picture waits. A buffer that ran dry has already told the controller; a full one tells of a device that is too slow. */
  #waiting() {
    const end = bufferedEnd(this.#video);
    if (!this.#video.seeking && this.#following && end !== null && end - this.#video.currentTime > FULL_S) {
      this.#control.stalled();
    }
  }

  /** @param {import('hls.js').ErrorData} error */
  #hlsError(error) {
    if (error.response !== undefined) {
      this.#heard((error.response.code ?? 0) > 0);
    }
    if (!error.fatal || this.#hls === null) {
      return;
    }
    const now = performance.now();
    if (error.type === Hls?.ErrorTypes.MEDIA_ERROR && now - this.#mediaFailedAt > RECOVERED_MS) {
      this.#mediaFailedAt = now;
      this.#hls.recoverMediaError();
      this.#playIfWanted();
      return;
    }
    this.#failed();
  }

  /** What plays now is over or broken: looks for something to play until it is found, then builds a new player on it. */
  async #failed() {
    if (this.#probing) {
      return;
    }
    this.#probing = true;
    const ended = this.#stream === 'ended';
    if (!ended) {
      this.#hls?.stopLoad();
    }
    do {
      await sleep(ended ? waitMs(Infinity) : waitMs(this.#failures));
      this.#failures += 1;
    } while (!(await this.#canPlay()));
    this.#probing = false;
    this.#build();
  }

  /** Asks for the playlists by hand, so that the last picture stays on the screen until there is another. */
  async #canPlay() {
    try {
      const top = await this.#playlist(this.#url);
      const facts = top?.child ? await this.#playlist(new URL(top.child, new URL(this.#url, document.baseURI)).href) : top;
      return facts !== null && facts.valid && !facts.ended;
    } catch {
      this.#heard(false);
      return false;
    }
  }

  /** @param {string} url */
  async #playlist(url) {
    const response = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    this.#heard(true);
    return response.ok ? playlistFacts(await response.text()) : null;
  }

  #playIfWanted() {
    if (this.#wantsPlay) {
      this.#play();
    }
  }

  #play() {
    this.#video.play().then(
      () => (this.#refused = false),
      (error) => (this.#refused = error.name === 'NotAllowedError'),
    );
  }

  /** Only a pause that the user can have meant counts: browsers pause hidden, ended and emptied videos by themselves. */
  #paused() {
    if (!document.hidden && !this.#video.ended && this.#video.readyState > 0 && !this.#probing) {
      this.#wantsPlay = false;
      this.#setRate(1);
    }
  }

  #played() {
    this.#refused = false;
    if (!this.#wantsPlay) {
      this.#wantsPlay = true;
      const edge = this.#hls?.liveSyncPosition ?? this.#seekableEnd();
      this.#follow(this.#following && edge !== null && edge - this.#video.currentTime < LIVE_LAG_S);
    }
  }

  /** @param {boolean} live */
  #follow(live) {
    this.#following = live;
    this.#control.reset();
    this.#setRate(1);
  }

  #oldest() {
    const start = this.#hls?.latestLevelDetails?.fragmentStart;
    return start === undefined ? 0 : start + OLDEST_ROOM_S;
  }

  #seekableEnd() {
    const { seekable } = this.#video;
    return seekable.length > 0 ? seekable.end(seekable.length - 1) : null;
  }
}

/**
 * The end of the buffer that holds the playhead.
 * @param {HTMLVideoElement} video
 */
function bufferedEnd({ buffered, currentTime }) {
  for (let i = buffered.length - 1; i >= 0; i -= 1) {
    if (buffered.start(i) - 0.1 <= currentTime && currentTime <= buffered.end(i)) {
      return buffered.end(i);
    }
  }
  return null;
}

/** @param {number} ms */
function sleep(ms) {
  return new Promise((wake) => setTimeout(wake, ms));
}
