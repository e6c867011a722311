/**
 * The geometry of the seek bar: which stretch of time it shows, and where a moment stands on it.
 *
 * Pure: times are Unix milliseconds, places are fractions of the bar's width from 0 at the left to 1 at the right.
 */

/** The shortest stretch shown: a frame is then about half a pixel of a wide screen, so zooming further would show nothing more. */
export const SPAN_MIN_MS = 60_000;
/** A view that ends within this share of its span of the newest picture follows it. */
const STICKS = 0.02;
/** Where on the bar a playhead is put that had left it: most of the room is for where it goes. */
const REVEALED_AT = 0.1;

/**
 * @typedef {object} Stretch
 * @property {number} from
 * @property {number} to
 */

/** The seek bar's view of a window that slides along with time. */
export class Timeline {
  /** @type {Stretch} */
  #window = { from: 0, to: 0 };
  /** @type {Stretch} */
  #view = { from: 0, to: 0 };
  /** `whole`: all of the window, `live`: its newest stretch, `held`: one that stays while the window slides. */
  #mode = /** @type {'whole' | 'live' | 'held'} */ ('whole');
  #playheadShown = false;

  /** What can be played. @returns {Stretch} */
  get window() {
    return this.#window;
  }

  /** What the bar shows; longer than the window while that is short. @returns {Stretch} */
  get view() {
    return this.#view;
  }

  /** Whether the bar shows all of the window. */
  get isWhole() {
    return this.#mode === 'whole';
  }

  /** Whether there is a shorter stretch to show. */
  get canZoomIn() {
    return this.#view.to - this.#view.from > SPAN_MIN_MS;
  }

  /** The window slid, grew, or is that of another stream. @param {Stretch} window */
  setWindow(window) {
    this.#window = window;
    const { from, to } = this.#view;
    this.#show(this.#mode === 'live' ? window.to - (to - from) : from, to - from);
  }

  /**
   * Shows `factor` times as much, below 1 less, around a moment that keeps its place.
   * @param {number} factor @param {number} anchor
   */
  zoom(factor, anchor) {
    const { from, to } = this.#view;
    const span = Math.max(SPAN_MIN_MS, (to - from) * factor);
    this.#mode = span >= this.#span() ? 'whole' : 'held';
    this.#show(anchor - ((anchor - from) / (to - from)) * span, span);
    this.#stick();
    this.#playheadShown = false;
  }

  /** Moves the view along. @param {number} ms */
  pan(ms) {
    if (this.#mode === 'whole') {
      return;
    }
    const { from, to } = this.#view;
    this.#mode = 'held';
    this.#show(from + ms, to - from);
    this.#stick();
    this.#playheadShown = false;
  }

  showWhole() {
    this.#mode = 'whole';
    this.#show(0, 0);
  }

  /** Shows a stretch of time, or what is left of the window behind it. @param {Stretch} stretch */
  showStretch({ from, to }) {
    this.#mode = to - from >= this.#span() ? 'whole' : 'held';
    this.#show(from, to - from);
    this.#stick();
    this.#playheadShown = false;
  }

  /**
   * The playhead is at this moment. A view that it plays out of goes along; one that was panned away from it does not.
   * @param {number} at
   */
  playheadAt(at) {
    if (this.#playheadShown && !this.#shows(at)) {
      this.reveal(at);
    }
    this.#playheadShown = this.#shows(at);
  }

  /** Brings a moment into the view. @param {number} at */
  reveal(at) {
    if (this.#mode === 'whole' || this.#shows(at)) {
      return;
    }
    const span = this.#view.to - this.#view.from;
    this.#mode = 'held';
    this.#show(at - span * REVEALED_AT, span);
    this.#stick();
    this.#playheadShown = this.#shows(at);
  }

  /** Where a moment stands on the bar; outside 0 to 1 when it is not shown. @param {number} at */
  placeOf(at) {
    const { from, to } = this.#view;
    return to > from ? (at - from) / (to - from) : 0;
  }

  /** The moment at a place, within the window. @param {number} place */
  momentAt(place) {
    const { from, to } = this.#view;
    return clamp(from + place * (to - from), this.#window.from, this.#window.to);
  }

  #span() {
    return Math.max(SPAN_MIN_MS, this.#window.to - this.#window.from);
  }

  /** @param {number} from @param {number} span */
  #show(from, span) {
    const whole = this.#span();
    const length = this.#mode === 'whole' ? whole : clamp(span, SPAN_MIN_MS, whole);
    const { to } = this.#window;
    const start = clamp(from, to - whole, to - length);
    this.#view = { from: start, to: start + length };
  }

  /** A view that was brought to the newest picture stays with it. */
  #stick() {
    const { from, to } = this.#view;
    if (this.#mode === 'held' && this.#window.to - to <= STICKS * (to - from)) {
      this.#mode = 'live';
      this.#show(this.#window.to - (to - from), to - from);
    }
  }

  /** @param {number} at */
  #shows(at) {
    return at >= this.#view.from && at <= this.#view.to;
  }
}

/** @param {number} value @param {number} least @param {number} most */
export function clamp(value, least, most) {
  return Math.max(least, Math.min(most, value));
}
