/**
 * Key frames of the stream by hls.js's I-frame player, which loads nothing else. It follows the player from one hls.js to the next.
 */

/** Width of a picture in device pixels: sharp in the preview, of which the list's are halves. */
const WIDTH = 240;
/** Longest wait for one: the playlist of a day is some hundred kilobytes, then comes the frame. */
const PATIENCE_MS = 5000;
/** Unused for this long, it stops asking for its playlist, which can be a long one. */
const IDLE_MS = 4000;
/** The newest picture that is worth asking for: the playlist of key frames lists whole segments only. */
const NEWEST_MS = 2500;

/** @typedef {import('hls.js').HlsIFramesOnly} IFramePlayer */

/** Draws key frames. */
export class KeyFrames {
  #player;
  #video = document.createElement('video');
  /** @type {IFramePlayer | null} */
  #frames = null;
  /** @type {import('hls.js').default | null} */
  #of = null;
  #idle = 0;

  /** @param {import('./player.js').Player} player */
  constructor(player) {
    this.#player = player;
    this.#video.muted = true;
    player.addEventListener('change', () => player.hls !== this.#of && this.#drop());
  }

  /** The moments that a picture can be had of. @returns {import('./timeline.js').Stretch | null} */
  get range() {
    const { window } = this.#player;
    return window && { from: window.startMs, to: window.endMs - NEWEST_MS };
  }

  /**
   * The key frame that is shown at that moment, drawn small; null when it cannot be had.
   * @param {number} at
   * @returns {Promise<HTMLCanvasElement | null>}
   */
  async draw(at) {
    const position = this.#positionOf(at);
    const frames = this.#ready();
    if (position === null || frames === null) {
      return null;
    }
    clearTimeout(this.#idle);
    const shown = this.#shown();
    frames.loadMediaAt(position);
    const done = await shown;
    this.#idle = window.setTimeout(() => this.#frames?.stopLoad(), IDLE_MS);
    return done ? this.#drawn() : null;
  }

  /** @param {number} at */
  #positionOf(at) {
    const { range } = this;
    return range === null || at < range.from || at > range.to ? null : this.#player.positionAt(at);
  }

  #ready() {
    const { hls } = this.#player;
    if (this.#frames === null && hls !== null) {
      this.#frames = hls.createIFramePlayer();
      this.#of = hls;
      this.#frames?.attachMedia(this.#video);
    }
    return this.#frames;
  }

  /** Whether a frame was sought and is there, in time. @returns {Promise<boolean>} */
  #shown() {
    return new Promise((resolve) => {
      const finish = (/** @type {boolean} */ done) => {
        clearTimeout(timer);
        this.#video.removeEventListener('seeked', seeked);
        resolve(done);
      };
      const seeked = () => this.#video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && finish(true);
      const timer = setTimeout(() => {
        // Whatever it hangs on, a new one does not.
        this.#drop();
        finish(false);
      }, PATIENCE_MS);
      this.#video.addEventListener('seeked', seeked);
    });
  }

  #drawn() {
    const { videoWidth, videoHeight } = this.#video;
    const canvas = document.createElement('canvas');
    canvas.width = WIDTH;
    canvas.height = Math.round((WIDTH * videoHeight) / videoWidth);
    canvas.getContext('2d')?.drawImage(this.#video, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  #drop() {
    clearTimeout(this.#idle);
    this.#frames?.destroy();
    this.#frames = null;
    this.#of = null;
  }
}
