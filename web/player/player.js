/**
 * The video element with an engine behind it (hls.js, dash.js or the browser's own HLS): builds it, holds it at the live edge, and
 * builds it again after every kind of failure. It decides nothing that latency.js, retry.js or state.js can decide.
 *
 * What other modules of the page may use is public here: `captureTime`, `window`, `positionAt`, `following`, `paused`, `speed`, `video`, `hls`,
 * `play`, `pause`, `togglePlay`, `jumpToLive`, `skip`, `seekToTime`, `setSpeed`, `stepFrame`, and the events
 * - `change`: following, paused, speed or the engine is another now;
 * - `window`: the playlist was read again, so the window has moved on; `past-lost`: the past left with a failure, so this is live.
 * Time that passes is no event: who shows it, looks at `captureTime` as often as needed. All dates are Unix milliseconds.
 */

import { bufferedEnd } from './buffer.js';
import { LatencyController } from './latency.js';
import { Past } from './past.js';
import { canPlay } from './probe.js';
import { waitMs } from '../shell/retry.js';

/** @typedef {import('./engines.js').Engine} Engine */
/** @typedef {import('./engines.js').EngineEvents} EngineEvents */

/** Playback within this of where it should be counts as live: a pause shorter than it is made up for by itself. */
const LIVE_LAG_S = 3;
/** Who asks for a moment this near to where live playback is means live. */
const NOW_S = 0.5;
/** A picture that has not moved for this long is not called live. */
const STILL_MS = 2000;
/** A player that should move and does not for this long is built anew. */
const STUCK_MS = 6000;
/** A player that has run for this long has recovered: the next failure is a new one. */
const RECOVERED_MS = 5000;
/** How far a playhead may fall before the oldest position until it is moved on. */
const FALLEN_OUT_S = 2;
/** A buffer that is not dry: a few frames. */
const FULL_S = 0.1;

/** Plays one live stream for ever. */
export class Player extends EventTarget {
  video;
  /** @type {Engine | null} */
  #engine = null;
  #control = new LatencyController();
  #newEngine;
  #probeUrl;
  #heard;
  /** @type {import('../shell/state.js').Facts['stream']} */
  #stream = 'none';
  #following = true;
  #past = new Past();
  #wantsPlay = true;
  #refused = false;
  #speed = 1;
  #stepShownAt = -Infinity;
  #lastPosition = -1;
  #movedAt = -Infinity;
  #builtAt = 0;
  /** Since when the picture should move: it began to play, or it was sent elsewhere. */
  #dueAt = 0;
  #pausedAt = 0;
  #failures = 0;
  #probing = false;
  #resting = false;

  /**
   * @param {HTMLVideoElement} video
   * @param {object} how
   * @param {(video: HTMLVideoElement, events: EngineEvents) => Engine} how.newEngine
   * @param {string} how.probeUrl of the multivariant playlist
   * @param {(answered: boolean) => void} how.heard told whether the server answered a request of the player's
   */
  constructor(video, { newEngine, probeUrl, heard }) {
    super();
    this.video = video;
    this.#newEngine = newEngine;
    this.#probeUrl = probeUrl;
    this.#heard = heard;
    video.addEventListener('pause', () => this.#paused());
    video.addEventListener('play', () => this.#played());
    video.addEventListener('ended', () => this.#follow(true));
    video.addEventListener('waiting', () => this.#waiting());
  }

  /** Begins to play. */
  start() {
    this.#resting = false;
    this.#build();
  }

  /** Loads nothing until `start`: the pictures come another way. */
  rest() {
    this.#resting = true;
    this.#engine?.destroy();
    this.#engine = null;
    this.#changed();
  }

  /** What state.js wants to know of the playback. */
  get facts() {
    const moving = performance.now() - this.#movedAt < STILL_MS;
    return { stream: this.#stream, moving, paused: this.paused, following: this.#following };
  }

  /** Capture time of the picture shown, or null while it is not known. */
  get captureTime() {
    return this.#stream === 'none' ? null : (this.#engine?.dateAt(this.video.currentTime) ?? null);
  }

  /** What can be shown; null while it is not known. */
  get window() {
    return this.#engine?.window ?? null;
  }

  /** Where in the video element a moment is; null while it is not known. @param {number} ms */
  positionAt(ms) {
    return this.#engine?.positionAt(ms) ?? null;
  }

  /** Whether the viewer wants the live edge, not the past. */
  get following() {
    return this.#following;
  }

  /** Whether the picture is held, by the viewer or by a browser that wants a click first. */
  get paused() {
    return !this.#wantsPlay || this.#refused;
  }

  /** The speed that the viewer chose for the past. */
  get speed() {
    return this.#speed;
  }

  /** The instance of hls.js that plays now, or null; another one after each failure (`change`). */
  get hls() {
    return this.#engine?.hls ?? null;
  }

  /** Whether the stream has sound; null while it is not known. */
  get hasSound() {
    return this.#engine?.hasSound ?? null;
  }

  /** Capture time of the newest picture that has come, or null before the first. */
  get newestMs() {
    const end = bufferedEnd(this.video);
    return end === null ? null : (this.#engine?.dateAt(end) ?? null);
  }

  /** Seconds of buffer ahead of the picture. */
  get bufferS() {
    const end = bufferedEnd(this.video);
    return end === null ? 0 : Math.max(0, end - this.video.currentTime);
  }

  /** Seconds of buffer that the latency controller aims for; 0 while it does not know. */
  get leadS() {
    return this.#control.lead;
  }

  play() {
    this.video.play().then(
      () => this.#setRefused(false),
      (error) => this.#setRefused(error.name === 'NotAllowedError'),
    );
  }

  pause() {
    this.#hold();
    this.video.pause();
  }

  togglePlay() {
    if (this.paused || this.video.paused) {
      this.play();
    } else {
      this.pause();
    }
  }

  /** Goes to the newest picture and stays there. */
  jumpToLive() {
    this.#wantsPlay = true;
    this.#speed = 1;
    this.#follow(true);
    const target = this.#engine?.live ?? null;
    if (target !== null && target > this.video.currentTime) {
      this.video.currentTime = target;
    }
    this.play();
  }

  /** Moves within the window; forward to the edge means live. @param {number} seconds */
  skip(seconds) {
    const edge = this.#engine?.live ?? null;
    if (edge === null) {
      return;
    }
    const target = this.video.currentTime + seconds;
    if (target > edge - LIVE_LAG_S && seconds > 0) {
      this.jumpToLive();
      return;
    }
    this.#goTo(target);
  }

  /**
   * Shows the picture of that moment, or the nearest that there is; whether it plays or is paused stays. The newest moment means live.
   * @param {number} ms
   * @returns {boolean} whether the window is known at all
   */
  seekToTime(ms) {
    const target = this.#engine?.positionAt(ms) ?? null;
    const edge = this.#engine?.live ?? null;
    if (target === null || edge === null) {
      return false;
    }
    if (target > edge - NOW_S) {
      this.jumpToLive();
    } else {
      this.#goTo(target);
    }
    return true;
  }

  /** Plays the past faster or slower; live has one speed only, and slower than live is the past. @param {number} speed */
  setSpeed(speed) {
    if (this.#following && speed > 1) {
      return;
    }
    this.#speed = speed;
    if (speed < 1) {
      this.#follow(false);
    }
    this.#setRate(this.#following ? this.video.playbackRate : speed);
    this.#changed();
  }

  /** Holds the picture and shows its neighbour. @param {1 | -1} direction */
  stepFrame(direction) {
    const { video } = this;
    const frameS = 1 / (this.#engine?.frameRate ?? 1);
    this.pause();
    // Where the picture shown begins is known after a step; the middle of its neighbour is missed by no rounding.
    const known = Math.abs(video.currentTime - this.#stepShownAt) < frameS;
    this.#goTo((known ? this.#stepShownAt + frameS / 2 : video.currentTime) + direction * frameS);
    video.requestVideoFrameCallback?.((_, { mediaTime }) => (this.#stepShownAt = mediaTime));
  }

  /** The page was hidden and is back: timers slept, so what is in the buffer says nothing of the network, nor that nothing moved of the player. */
  resume() {
    this.#expectMovement();
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
    const { video } = this;
    const now = performance.now();
    if (video.currentTime !== this.#lastPosition && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
      this.#moved(now);
    }
    if (!video.seeking && !video.paused) {
      this.#steer(now / 1000);
    }
    if (video.readyState > HTMLMediaElement.HAVE_NOTHING) {
      this.#past.shown(this.#following && this.#wantsPlay ? null : this.captureTime);
    }
    const since = Math.max(this.#movedAt, this.#dueAt);
    if (!this.#resting && !this.paused && this.#stream !== 'ended' && !this.#probing && !document.hidden && now - since > STUCK_MS) {
      void this.#failed();
    }
  }

  /** From now on the picture should move, and has some time to begin with. */
  #expectMovement() {
    this.#dueAt = performance.now();
  }

  /** @param {number} now in milliseconds */
  #moved(now) {
    // The first position of a new player is where it begins, not a movement.
    if (this.#lastPosition >= 0 && !this.video.paused) {
      this.#movedAt = now;
      this.#stream = this.#stream === 'none' ? 'shown' : this.#stream;
    }
    this.#lastPosition = this.video.currentTime;
    if (now - this.#builtAt > RECOVERED_MS) {
      this.#failures = 0;
    }
  }

  /** @param {number} now in seconds */
  #steer(now) {
    const { video } = this;
    if (!this.#following) {
      this.#steerPast();
      return;
    }
    const end = bufferedEnd(video);
    if (end === null || this.#stream !== 'shown' || !this.#engine?.steered) {
      return;
    }
    const { rate, seekTo } = this.#control.decide({ now, position: video.currentTime, end });
    this.#setRate(rate);
    if (seekTo !== null) {
      video.currentTime = seekTo;
    }
  }

  /** The past keeps its speed until the present is reached or the window has left it behind. */
  #steerPast() {
    const { video } = this;
    const [oldest, edge] = [this.#engine?.oldest ?? null, this.#engine?.live ?? null];
    this.#setRate(this.#speed);
    if (oldest !== null && video.currentTime < oldest - FALLEN_OUT_S) {
      video.currentTime = oldest;
    } else if (this.#speed > 1 && edge !== null && video.currentTime > edge - NOW_S) {
      this.jumpToLive();
    }
  }

  /** @param {number} rate */
  #setRate(rate) {
    if (this.video.playbackRate !== rate) {
      this.video.playbackRate = rate;
    }
  }

  /**
   * Leaves live for a position. A video without metadata does not seek yet, and hls.js would take it to where it begins, so that waits.
   * @param {number} target
   */
  #goTo(target) {
    this.#follow(false);
    this.#expectMovement();
    const date = this.#engine?.dateAt(target) ?? null;
    this.#past.shown(date);
    const go = () => {
      if (!this.#following) {
        // Another engine may have been built meanwhile, and it has positions of its own.
        const position = (date === null ? null : this.positionAt(date)) ?? target;
        this.video.currentTime = Math.max(position, this.#engine?.oldest ?? 0);
      }
    };
    if (this.video.readyState === HTMLMediaElement.HAVE_NOTHING) {
      this.video.addEventListener('loadedmetadata', go, { once: true });
    } else {
      go();
    }
  }

  #build() {
    this.#engine?.destroy();
    this.#past.begin(this.#following);
    this.#stream = 'none';
    this.#lastPosition = -1;
    this.#movedAt = -Infinity;
    this.#builtAt = performance.now();
    this.#expectMovement();
    this.#control.reset();
    // A user who paused before a failure still wants it paused.
    this.video.autoplay = this.#wantsPlay;
    this.#engine = this.#newEngine(this.video, {
      heard: this.#heard,
      ready: () => this.#playIfWanted(),
      windowChanged: () => this.#windowChanged(),
      partArrived: (part) => this.#partArrived(part),
      ended: () => this.#ended(),
      failed: () => void this.#failed(),
    });
    this.#changed();
  }

  #windowChanged() {
    const back = this.#past.goesTo(this.window);
    if (back === 'live') {
      this.#follow(true);
      this.dispatchEvent(new Event('past-lost'));
    } else if (back !== null) {
      this.#goTo(this.positionAt(back) ?? 0);
    }
    this.dispatchEvent(new Event('window'));
  }

  /** @param {{end: number, duration: number, newest: boolean}} part */
  #partArrived(part) {
    if (this.#following && !this.video.paused && !document.hidden) {
      this.#control.partArrived({ now: performance.now() / 1000, ...part });
    }
  }

  /** The picture waits. A buffer that ran dry has already told the controller; a full one tells of a device that is too slow. */
  #waiting() {
    if (!this.video.seeking && this.#following && this.bufferS > FULL_S) {
      this.#control.stalled();
    }
  }

  #ended() {
    this.#stream = 'ended';
    this.#setRate(1);
    void this.#failed();
  }

  /** What plays now is over or broken: looks for something to play until it is found, then builds a new player on it. */
  async #failed() {
    if (this.#probing) {
      return;
    }
    this.#probing = true;
    const ended = this.#stream === 'ended';
    if (!ended) {
      this.#engine?.stop();
    }
    do {
      await sleep(ended ? waitMs(Infinity) : waitMs(this.#failures));
      this.#failures += 1;
    } while (!(await canPlay(this.#probeUrl, this.#heard)));
    this.#probing = false;
    if (!this.#resting) {
      this.#build();
    }
  }

  #playIfWanted() {
    if (this.#wantsPlay) {
      this.play();
    }
  }

  /** @param {boolean} refused */
  #setRefused(refused) {
    if (this.#refused !== refused) {
      this.#refused = refused;
      this.#changed();
    }
  }

  /** Only a pause that the user can have meant counts: browsers pause hidden, ended and emptied videos by themselves. */
  #paused() {
    if (!document.hidden && !this.video.ended && this.video.readyState > 0 && !this.#probing) {
      this.#hold();
    }
  }

  /** The user wants the picture held. */
  #hold() {
    if (this.#wantsPlay) {
      this.#wantsPlay = false;
      this.#pausedAt = performance.now();
      this.#setRate(1);
      this.#changed();
    }
  }

  #played() {
    this.#expectMovement();
    this.#setRefused(false);
    if (!this.#wantsPlay) {
      this.#wantsPlay = true;
      const edge = this.#engine?.live ?? null;
      // An edge that was last heard of long ago, as after a sleep of the device, says too little.
      const heldS = (performance.now() - this.#pausedAt) / 1000;
      this.#follow(this.#following && edge !== null && Math.max(heldS, edge - this.video.currentTime) < LIVE_LAG_S);
    }
  }

  /** @param {boolean} live */
  #follow(live) {
    this.#following = live;
    if (live) {
      this.#past.forget();
    }
    this.#control.reset();
    this.#setRate(live ? 1 : this.#speed);
    this.#changed();
  }

  #changed() {
    this.#engine?.setFollowing(this.#following && !this.paused);
    this.dispatchEvent(new Event('change'));
  }
}

/** @param {number} ms */
function sleep(ms) {
  return new Promise((wake) => setTimeout(wake, ms));
}
