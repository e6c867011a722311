/**
 * The video element with an engine behind it (hls.js, dash.js or the browser's own HLS). It decides nothing: what happens goes to
 * transitions.js, and what that answers is done; latency.js says how fast live plays.
 *
 * What other modules of the page may use is public here: `captureTime`, `window`, `positionAt`, `following`, `paused`, `speed`, `video`, `hls`,
 * `play`, `pause`, `togglePlay`, `jumpToLive`, `skip`, `seekToTime`, `setSpeed`, `stepFrame`, and the events
 * - `change`: following, paused, speed or the engine is another now;
 * - `window`: the playlist was read again, so the window has moved on; `past-lost`: the past left with a failure, so this is live.
 * Time that passes is no event: code that shows it reads `captureTime` as often as needed. All dates are Unix milliseconds.
 */

import { bufferAhead, bufferedEnd } from './buffer.js';
import { DueSeek } from './due-seek.js';
import { FrameStep } from './frame-step.js';
import { holdPicture } from './held-picture.js';
import { LiveRate } from './live-rate.js';
import { INITIAL, isMoving, isPaused, streamOf } from './playback.js';
import { canPlay } from './probe.js';
import { Reach } from './reach.js';
import { LIVE_LAG_S, NOW_S, step } from './transitions.js';

/** Whether a pause can be meant: browsers pause hidden, ended and emptied videos by themselves. @param {HTMLVideoElement} video */
const isMeant = ({ ended, readyState }) => !document.hidden && !ended && readyState > HTMLMediaElement.HAVE_NOTHING;

/** Plays one live stream for ever. */
export class Player extends EventTarget {
  video;
  #engine = /** @type {import('./engines.js').Engine | null} */ (null);
  #state = INITIAL;
  #rate;
  #newEngine;
  #probeUrl;
  #heard;
  #reach;
  #frameStep;
  #dueSeek;

  /**
   * @param {HTMLVideoElement} video
   * @param {object} how
   * @param {import('./engines.js').MakeEngine} how.newEngine
   * @param {import('./history.js').History} how.history
   * @param {string} how.probeUrl of the multivariant playlist
   * @param {(answered: boolean) => void} how.heard told whether the server answered a request of the player's
   */
  constructor(video, { newEngine, history, probeUrl, heard }) {
    super();
    this.video = video;
    this.#rate = new LiveRate(video);
    this.#newEngine = newEngine;
    this.#reach = new Reach(history, () => ({ listed: this.#engine?.window ?? null, archived: this.#state.archiveMs !== null }), () => performance.now());
    this.#frameStep = new FrameStep(video);
    this.#dueSeek = new DueSeek(video, () => (this.following ? null : this.#engine));
    this.#probeUrl = probeUrl;
    this.#heard = heard;
    video.addEventListener('pause', () => this.#tell({ type: 'video-paused', ...this.#reading, meant: isMeant(video) }));
    video.addEventListener('play', () => this.#tell({ type: 'video-played', ...this.#reading }));
    video.addEventListener('ended', () => this.#playOn());
    video.addEventListener('waiting', () => this.following && this.#rate.waiting());
  }

  /** Begins to play. */
  start() {
    this.#tell({ type: 'start', now: performance.now() });
  }

  /** Loads nothing until `start`: the pictures come another way. */
  rest() {
    this.#tell({ type: 'rest' });
  }

  /** What state.js wants to know of the playback. */
  get facts() {
    const state = this.#state;
    return { stream: streamOf(state), moving: isMoving(state, performance.now()), paused: isPaused(state), following: state.following };
  }

  /** Capture time of the picture shown, or null while it is not known. */
  get captureTime() {
    const known = streamOf(this.#state) !== 'none' && this.video.readyState > HTMLMediaElement.HAVE_NOTHING;
    return known ? this.#dateAt(this.video.currentTime) : null;
  }

  /** What can be shown; null while it is not known. */
  get window() {
    return this.#reach.window;
  }

  /** Where in the video element a moment is; null while it is not known. @param {number} ms */
  positionAt(ms) {
    return this.#engine?.positionAt(ms) ?? null;
  }

  /** Whether live is wanted, not the past. */
  get following() {
    return this.#state.following;
  }

  /** Whether the picture is held, by the viewer or by the browser. */
  get paused() {
    return isPaused(this.#state);
  }

  /** The speed that the viewer chose for the past. */
  get speed() {
    return this.#state.speed;
  }

  /** The instance of hls.js that plays now, or null; another one after each failure (`change`). */
  get hls() {
    return this.#engine?.hls ?? null;
  }

  /**
   * What is shown of the playback: whether the stream has sound, null while that is not known; capture time of the newest picture that has
   * come, null before the first; seconds of buffer ahead of the picture, and those that the latency controller aims for, 0 while it does not know.
   */
  get figures() {
    const end = bufferedEnd(this.video);
    const newestMs = end === null ? null : this.#dateAt(end);
    return { hasSound: this.#engine?.hasSound ?? null, newestMs, bufferS: bufferAhead(this.video), leadS: this.#rate.lead };
  }

  play() {
    this.video.play().then(
      () => this.#tell({ type: 'refused', refused: false }),
      (error) => this.#tell({ type: 'refused', refused: error.name === 'NotAllowedError' }),
    );
  }

  pause() {
    this.#tell({ type: 'pause', ...this.#reading });
  }

  togglePlay() {
    return this.paused || this.video.paused ? this.play() : this.pause();
  }

  /** Goes to the newest picture and stays there. */
  jumpToLive() {
    this.#tell({ type: 'go-live', ...this.#reading });
  }

  /** Moves within the window; forward to the edge means live. @param {number} seconds */
  skip(seconds) {
    const date = this.captureTime === null ? null : this.captureTime + seconds * 1000;
    if (date !== null && this.#reach.isFar(date)) {
      this.#seekFar(date);
    } else if (this.#reading.live !== null) {
      this.#seek(this.video.currentTime + seconds, seconds > 0 ? LIVE_LAG_S : -Infinity);
    }
  }

  /**
   * Shows the picture of that moment, or the nearest that there is; whether it plays or is paused stays. The newest moment means live.
   * Gives whether the window is known at all.
   * @param {number} ms
   */
  seekToTime(ms) {
    if (this.#reach.isFar(ms)) {
      this.#seekFar(ms);
      return true;
    }
    const target = this.#reach.isKnown(ms) ? this.positionAt(ms) : null;
    if (target === null || this.#reading.live === null) {
      return false;
    }
    this.#seek(target, NOW_S);
    return true;
  }

  /** Goes to a moment that something else has than what plays now. @param {number} ms */
  #seekFar(ms) {
    const place = this.#reach.placeOf(ms);
    if (place === null) {
      this.jumpToLive();
    } else {
      this.#tell({ type: 'seek-far', now: performance.now(), ...place });
    }
  }

  /** What played is over. An archive goes on where the next footage is. */
  #playOn() {
    const { next } = this.#reach;
    if (next === null) {
      this.#tell({ type: 'video-ended' });
    } else {
      this.#seekFar(next);
    }
  }

  /** Plays the past faster or slower; live has one speed only, and slower than live is the past. @param {number} speed */
  setSpeed(speed) {
    this.#tell({ type: 'speed', speed });
  }

  /** Holds the picture and shows its neighbour. @param {1 | -1} direction */
  stepFrame(direction) {
    this.pause();
    this.#seek(this.#frameStep.target(direction, 1 / (this.#engine?.frameRate ?? 1)), -Infinity);
  }

  /** The page was hidden and is back: timers slept, so what is in the buffer says nothing of the network, nor that nothing moved of the player. */
  resume() {
    this.#tell({ type: 'resumed', ...this.#reading });
  }

  /** Tries now rather than after the wait: the server was just heard again. */
  serverIsBack() {
    this.#tell({ type: 'server-back' });
  }

  /** To be called about ten times a second: steers the rate, and notices what has no event. */
  tick() {
    const { paused, seeking, readyState } = this.video;
    const hasPicture = readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
    this.#tell({ type: 'tick', ...this.#reading, hasPicture, paused, seeking, hidden: document.hidden, oldest: this.#engine?.oldest ?? null });
    if (this.following && !seeking && !paused && this.#engine?.steered && streamOf(this.#state) === 'shown') {
      this.#rate.steer();
    }
  }

  get #reading() {
    return { now: performance.now(), position: this.video.currentTime, live: this.#engine?.live ?? null, date: this.captureTime };
  }

  /** @param {number} position */
  #dateAt(position) {
    return this.#engine?.dateAt(position) ?? null;
  }

  /** @param {number} target @param {number} liveWithin */
  #seek(target, liveWithin) {
    this.#tell({ type: 'seek', ...this.#reading, target, date: this.#dateAt(target), liveWithin });
  }

  /** @param {import('./playback.js').PlaybackEvent} event */
  #tell(event) {
    const { state, effects } = step(this.#state, event);
    this.#state = state;
    effects.forEach((effect) => this.#do(effect));
  }

  /** @param {import('./playback.js').Effect} effect */
  #do(effect) {
    switch (effect.type) {
      case 'build':
        return this.#build(effect);
      case 'destroy':
        this.#engine?.destroy();
        return void (this.#engine = null);
      case 'stop':
        return this.#engine?.stop();
      case 'search':
        return void canPlay(this.#probeUrl, this.#heard, effect.waitMs).then((found) => this.#tell({ type: 'searched', search: effect.search, found, now: performance.now() }));
      case 'play':
        return this.play();
      case 'pause':
        return this.video.pause();
      case 'seek':
        return void (this.video.currentTime = effect.position);
      case 'seek-past':
        return this.#dueSeek.set(effect);
      case 'rate':
        return this.#rate.set(effect.rate);
      case 'reset-latency':
        return this.#rate.reset();
      case 'changed':
        this.#engine?.setFollowing(this.following && !this.paused);
        return void this.dispatchEvent(new Event('change'));
      case 'past-lost':
        return void this.dispatchEvent(new Event('past-lost'));
    }
  }

  /** @param {{autoplay: boolean, archiveMs: number | null}} how */
  #build({ autoplay, archiveMs }) {
    if (!this.following) {
      holdPicture(this.video);
    }
    this.#engine?.destroy();
    this.#dueSeek.forget();
    this.video.autoplay = autoplay;
    this.#engine = this.#newEngine(this.video, {
      heard: this.#heard,
      ready: () => this.#tell({ type: 'ready' }),
      windowChanged: () => {
        const window = this.#engine?.window ?? null;
        this.#reach.listed(window);
        this.#tell({ type: 'window', window, now: performance.now() });
        this.dispatchEvent(new Event('window'));
      },
      partArrived: (part) => this.following && this.#rate.partArrived(part),
      ended: () => this.#tell({ type: 'ended' }),
      failed: () => this.#tell({ type: 'failed' }),
    }, archiveMs === null ? null : { ms: archiveMs, newestMs: this.#reach.newestMs });
  }
}
