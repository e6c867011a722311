/**
 * The seek bar: turns pointers and wheel into moments, and shows where the player is. What pointers mean is bar-gestures.js's, what is drawn
 * bar-drawing.js's.
 */

import { RULER_SHARE, drawBar } from './bar-drawing.js';
import { BarGestures } from './bar-gestures.js';
import { durationText, roughly } from '../shell/clock.js';
import { markersAt } from '../markers/marker-spans.js';
import { Timeline } from './timeline.js';
import { tellSlider } from './slider-text.js';

/** One press of a zoom button or key. */
const ZOOM = 2;
/** Zoom per pixel of the wheel: a notch of 100 is about a third. */
const WHEEL_ZOOM = 0.003;
/** How near to a span the pointer must be, in pixels. */
const REACH_PX = 4;
/** The text of a slider that moves by itself is updated this often, not each time: a screen reader would never be silent. */
const TELL_MS = 5000;
/** A finger that stands still for so long drags out a stretch. */
const HOLD_MS = 500;

/**
 * @typedef {object} Parts the elements of the bar
 * @property {HTMLElement} bar
 * @property {HTMLCanvasElement} canvas
 * @property {HTMLElement} hand that stands where the player is
 * @property {HTMLElement} span how much is shown, in words
 * @property {HTMLButtonElement} zoomIn
 * @property {HTMLButtonElement} zoomOut
 * @property {HTMLButtonElement} whole
 * @property {import('./stretch-panel.js').StretchPanel} stretch
 */

export class SeekBar {
  #timeline = new Timeline();
  #player;
  #history;
  #recordings;
  #parts;
  #preview;
  #marks;
  #seenUntil;
  #gestures = new BarGestures();
  /** The moment that is sought while the player is still busy with another. @type {number | null} */
  #wish = null;
  #drawn = '';
  #toldAt = -Infinity;
  /** Until a finger has stood still for long. */
  #holding = 0;

  /**
   * @param {import('../player/player.js').Player} player
   * @param {object} shown
   * @param {import('../player/history.js').History} shown.history
   * @param {import('../markers/recordings.js').Recordings} shown.recordings
   * @param {import('../markers/markers.js').Marks} shown.marks
   * @param {Parts} parts
   * @param {import('./preview.js').Preview} preview
   * @param {() => number | null} seenUntil up to when things that go on were seen; null while they go on
   */
  constructor(player, { history, recordings, marks }, parts, preview, seenUntil) {
    this.#player = player;
    this.#history = history;
    this.#recordings = recordings;
    this.#parts = parts;
    this.#preview = preview;
    this.#marks = marks;
    this.#seenUntil = seenUntil;
    this.#listen();
    player.addEventListener('window', () => this.tick());
    player.addEventListener('change', () => (this.#toldAt = -Infinity));
    player.video.addEventListener('seeked', () => {
      this.#toldAt = -Infinity;
      this.#seekWish();
    });
    new ResizeObserver(() => this.tick()).observe(parts.bar);
  }

  /** Shows twice as much or half of it, around the playhead if it is in view. @param {'in' | 'out'} direction */
  zoom(direction) {
    const { view } = this.#timeline;
    const at = this.#player.captureTime ?? view.to;
    const anchor = at >= view.from && at <= view.to ? at : (view.from + view.to) / 2;
    this.#timeline.zoom(direction === 'in' ? 1 / ZOOM : ZOOM, anchor);
    this.tick();
  }

  showWhole() {
    this.#timeline.showWhole();
    this.tick();
  }

  /** Shows a stretch of time, as far as it is in the window. @param {import('./timeline.js').Stretch} stretch */
  showStretch(stretch) {
    this.#timeline.showStretch(stretch);
    this.tick();
  }

  /** Goes to a moment and sees to it that the bar shows it. Gives whether it is known where that is. @param {number} at */
  goTo(at) {
    const isKnown = this.#player.seekToTime(at);
    this.#timeline.reveal(at);
    this.#toldAt = -Infinity;
    this.tick();
    return isKnown;
  }

  /** To be called some times a second. */
  tick() {
    const { window } = this.#player;
    if (window === null || document.hidden) {
      return;
    }
    this.#timeline.setWindow({ from: window.startMs, to: window.endMs });
    this.#seekWish();
    this.#parts.stretch.draw(this.#timeline);
    const at = this.#wish ?? this.#player.captureTime;
    if (at !== null) {
      if (this.#gestures.idle) {
        this.#timeline.playheadAt(at);
      }
      this.#showHand(at);
      this.#tell(at);
    }
    this.#draw();
  }

  /** @param {number} at */
  #showHand(at) {
    const place = this.#timeline.placeOf(at);
    this.#parts.hand.hidden = place < 0 || place > 1;
    this.#parts.hand.style.setProperty('left', `${(place * 100).toFixed(2)}%`);
  }

  /** @param {number} at */
  #tell(at) {
    const now = performance.now();
    if (now - this.#toldAt < TELL_MS) {
      return;
    }
    this.#toldAt = now;
    tellSlider(this.#parts.bar, this.#timeline.window, at, this.#player.following);
  }

  /** Draws only what would look different: a bar of a day moves by a pixel a minute. */
  #draw() {
    const { canvas, span, zoomIn, zoomOut, whole } = this.#parts;
    const { view, window, isWhole } = this.#timeline;
    const perPixel = (view.to - view.from) / Math.max(1, canvas.clientWidth);
    const { store, hidden } = this.#marks;
    const { color, fontSize } = getComputedStyle(canvas);
    const seen = this.#seenUntil() ?? window.to;
    const looks = [Math.round(view.from / perPixel), Math.round(window.from / perPixel), Math.round(window.to / perPixel), canvas.clientWidth,
      canvas.clientHeight, devicePixelRatio, store.version, [...hidden].join(), Math.round(seen / perPixel), this.#history.footage.length, this.#recordings.version,
      color, fontSize].join();
    if (looks === this.#drawn) {
      return;
    }
    this.#drawn = looks;
    const { footage } = this.#history;
    const { kept } = this.#recordings;
    drawBar(canvas, { timeline: this.#timeline, footage, kept, markers: store.all, kinds: store.kinds, hidden, seen });
    const shown = durationText(roughly(view.to - view.from));
    if (span.textContent !== shown) {
      span.textContent = shown;
    }
    zoomOut.disabled = isWhole;
    whole.disabled = isWhole;
    zoomIn.disabled = !this.#timeline.canZoomIn;
  }

  #listen() {
    const { bar, zoomIn, zoomOut, whole } = this.#parts;
    bar.addEventListener('pointerdown', (event) => this.#down(event));
    bar.addEventListener('pointermove', (event) => this.#do(this.#gestures.move({ id: event.pointerId, x: this.#placeOf(event).x })));
    bar.addEventListener('pointerup', (event) => this.#up(event));
    bar.addEventListener('pointercancel', (event) => this.#up(event));
    bar.addEventListener('pointerleave', () => this.#gestures.idle && this.#preview.hide());
    bar.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    zoomIn.onclick = () => this.zoom('in');
    zoomOut.onclick = () => this.zoom('out');
    whole.onclick = () => this.showWhole();
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) {
      return;
    }
    const { x, y } = this.#placeOf(event);
    this.#parts.bar.setPointerCapture(event.pointerId);
    const pans = y < this.#parts.bar.clientHeight * RULER_SHARE && !this.#timeline.isWhole;
    const touch = event.pointerType === 'touch';
    this.#do(this.#gestures.down({ id: event.pointerId, x, pans, touch, stretches: event.shiftKey }));
    clearTimeout(this.#holding);
    this.#holding = touch ? window.setTimeout(() => this.#do(this.#gestures.hold()), HOLD_MS) : 0;
  }

  /** @param {PointerEvent} event */
  #up(event) {
    this.#do(this.#gestures.up({ id: event.pointerId, cancelled: event.type !== 'pointerup', mouse: event.pointerType === 'mouse' }));
  }

  /** @param {import('./bar-gestures.js').Action[]} actions */
  #do(actions) {
    for (const action of actions) {
      switch (action.type) {
        case 'scrub':
          this.#scrub(action.x);
          break;
        case 'pan':
          this.#pan(action.px);
          break;
        case 'zoom':
          this.#timeline.zoom(action.factor, this.#momentAt(action.x));
          break;
        case 'begin-stretch':
        case 'stretch':
          this.#parts.stretch[action.type === 'stretch' ? 'extend' : 'begin'](this.#momentAt(action.x));
          this.#showPreview(action.x);
          this.tick();
          break;
        case 'hover':
          this.#showPreview(action.x);
          break;
        case 'give-up':
          this.#wish = null;
          this.#preview.hide();
          break;
        case 'leave':
          this.#preview.hide();
      }
    }
  }

  /** @param {number} px */
  #pan(px) {
    const { view } = this.#timeline;
    this.#timeline.pan((px / this.#width) * (view.to - view.from));
    this.tick();
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const across = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
    const { x } = this.#placeOf(event);
    if (Math.abs(across) >= Math.abs(event.deltaY)) {
      this.#pan(across);
    } else {
      this.#timeline.zoom(Math.exp(event.deltaY * WHEEL_ZOOM), this.#momentAt(x));
      this.tick();
    }
    this.#showPreview(x);
  }

  /** @param {number} x */
  #scrub(x) {
    this.#wish = this.#momentAt(x);
    this.#toldAt = -Infinity;
    this.#showPreview(x);
    this.#seekWish();
    this.tick();
  }

  /** One seek at a time: the next goes where the pointer is by then. */
  #seekWish() {
    if (this.#wish !== null && !this.#player.video.seeking) {
      this.#player.seekToTime(this.#wish);
      this.#wish = null;
    }
  }

  /** @param {number} x */
  #showPreview(x) {
    const at = this.#momentAt(x);
    const { view, window } = this.#timeline;
    const reach = ((view.to - view.from) / this.#width) * REACH_PX;
    const { store, hidden } = this.#marks;
    this.#preview.show(at, x, this.#width, markersAt(store.all, at, reach, window.to, hidden, this.#seenUntil() ?? window.to));
  }

  /** @param {number} x */
  #momentAt(x) {
    return this.#timeline.momentAt(x / this.#width);
  }

  get #width() {
    return Math.max(1, this.#parts.bar.clientWidth);
  }

  /** @param {MouseEvent} event */
  #placeOf(event) {
    const { left, top } = this.#parts.bar.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }
}
