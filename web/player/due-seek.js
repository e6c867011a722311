/**
 * A seek into the past that waits: a video without metadata does not seek yet, and hls.js would take it to where it begins.
 */

/** Seeks a video once it can. */
export class DueSeek {
  #video;
  #engine;
  /** @type {{position: number | null, date: number | null} | null} */
  #due = null;

  /**
   * @param {HTMLVideoElement} video
   * @param {() => import('./engines.js').Engine | null} engine that plays now; null when the past is not wanted any more
   */
  constructor(video, engine) {
    this.#video = video;
    this.#engine = engine;
    video.addEventListener('loadedmetadata', () => this.#seek(null));
  }

  /** To a date, or to a position where that is not known. @param {{position: number | null, date: number | null}} due */
  set(due) {
    this.#due = due;
    this.#seek(due.position);
  }

  /** Another engine has other positions. */
  forget() {
    this.#due = null;
  }

  /** @param {number | null} known the position, if it is told by this engine */
  #seek(known) {
    const due = this.#due;
    if (due === null || this.#video.readyState === HTMLMediaElement.HAVE_NOTHING) {
      return;
    }
    this.#due = null;
    const engine = this.#engine();
    if (engine !== null) {
      const target = known ?? (due.date === null ? null : engine.positionAt(due.date)) ?? due.position ?? 0;
      this.#video.currentTime = Math.max(target, engine.oldest ?? 0);
    }
  }
}
