/**
 * The seek bar: turns pointers, wheel and keys into moments, and shows where the player is. What it draws is bar-drawing.js's.
 */

import { RULER_SHARE, drawBar } from './bar-drawing.js';
import { clockText, durationText } from '../shell/clock.js';
import { markersAt } from '../markers/marker-spans.js';
import { Timeline } from './timeline.js';

/** One press of a zoom button or key. */
const ZOOM = 2;
/** Zoom per pixel of the wheel: a notch of 100 is about a third. */
const WHEEL_ZOOM = 0.003;
/** A finger that moves less than this stands still. */
const TAP_PX = 8;
/** How near to a span the pointer must be, in pixels. */
const REACH_PX = 4;
/** A slider that moves by itself is told anew this often, not each time: a screen reader would never be silent. */
const TELL_MS = 5000;
/** Above the first length, lengths are told in multiples of the second. */
const ROUGHLY_MS = [[5 * 3_600_000, 3_600_000], [2 * 3_600_000, 1_800_000], [120_000, 60_000], [0, 10_000]];

/**
 * @typedef {object} Parts the elements of the bar
 * @property {HTMLElement} bar
 * @property {HTMLCanvasElement} canvas
 * @property {HTMLElement} hand that stands where the player is
 * @property {HTMLElement} span how much is shown, in words
 * @property {HTMLButtonElement} zoomIn
 * @property {HTMLButtonElement} zoomOut
 * @property {HTMLButtonElement} whole
 */

export class SeekBar {
  #timeline = new Timeline();
  #player;
  #parts;
  #preview;
  #marks;
  #seenUntil;
  /** Pointers that are down, by their id: where they are, in pixels from the left. @type {Map<number, number>} */
  #pointers = new Map();
  /** Where a finger went down that has not moved: it is told by what comes next whether it seeks. @type {number | null} */
  #heldAt = null;
  #gesture = /** @type {'none' | 'scrub' | 'pan' | 'pinch'} */ ('none');
  /** The moment that is sought while the player is still busy with another. @type {number | null} */
  #wish = null;
  #drawn = '';
  #toldAt = -Infinity;

  /**
   * @param {import('../player/player.js').Player} player
   * @param {Parts} parts
   * @param {import('./preview.js').Preview} preview
   * @param {import('../markers/markers.js').Marks} marks
   * @param {() => number | null} seenUntil up to when things that go on were seen; null while they go on
   */
  constructor(player, parts, preview, marks, seenUntil) {
    this.#player = player;
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

  /** Goes to a moment and sees to it that the bar shows it. @param {number} at */
  goTo(at) {
    this.#player.seekToTime(at);
    this.#timeline.reveal(at);
    this.#toldAt = -Infinity;
    this.tick();
  }

  /** To be called some times a second. */
  tick() {
    const { window } = this.#player;
    if (window === null || document.hidden) {
      return;
    }
    this.#timeline.setWindow({ from: window.startMs, to: window.endMs });
    this.#seekWish();
    const at = this.#wish ?? this.#player.captureTime;
    if (at !== null) {
      if (this.#gesture === 'none') {
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
    const { bar } = this.#parts;
    const now = performance.now();
    if (now - this.#toldAt < TELL_MS) {
      return;
    }
    this.#toldAt = now;
    const { from, to } = this.#timeline.window;
    bar.setAttribute('aria-valuemax', String(Math.round((to - from) / 1000)));
    bar.setAttribute('aria-valuenow', String(Math.round(Math.max(0, at - from) / 1000)));
    const ago = this.#player.following ? 'live' : `${durationText(to - at)} before live`;
    bar.setAttribute('aria-valuetext', `${clockText(new Date(at), new Date())}, ${ago}`);
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
      canvas.clientHeight, devicePixelRatio, store.version, [...hidden].join(), Math.round(seen / perPixel), color, fontSize].join();
    if (looks === this.#drawn) {
      return;
    }
    this.#drawn = looks;
    drawBar(canvas, { timeline: this.#timeline, markers: store.all, kinds: store.kinds, hidden, seen });
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
    bar.addEventListener('pointermove', (event) => this.#move(event));
    bar.addEventListener('pointerup', (event) => this.#up(event));
    bar.addEventListener('pointercancel', (event) => this.#up(event));
    bar.addEventListener('pointerleave', () => this.#gesture === 'none' && this.#preview.hide());
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
    this.#pointers.set(event.pointerId, x);
    if (this.#pointers.size > 1) {
      this.#gesture = 'pinch';
      this.#wish = null;
      this.#heldAt = null;
      this.#preview.hide();
    } else {
      this.#gesture = y < this.#parts.bar.clientHeight * RULER_SHARE && !this.#timeline.isWhole ? 'pan' : 'scrub';
      // A finger may be the first of two that zoom.
      this.#heldAt = event.pointerType === 'touch' ? x : null;
      if (this.#heldAt === null) {
        this.#scrub(x);
      }
    }
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const { x } = this.#placeOf(event);
    const before = this.#pointers.get(event.pointerId);
    if (before === undefined) {
      this.#showPreview(x);
      return;
    }
    if (this.#heldAt !== null && Math.abs(x - this.#heldAt) < TAP_PX) {
      return;
    }
    this.#heldAt = null;
    if (this.#gesture === 'pinch') {
      this.#pinch(event.pointerId, before, x);
    } else if (this.#gesture === 'pan') {
      this.#pan(before - x);
    }
    this.#pointers.set(event.pointerId, x);
    this.#scrub(x);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (!this.#pointers.delete(event.pointerId)) {
      return;
    }
    // The finger that stays after a pinch must not make the picture jump.
    if (this.#pointers.size > 0) {
      return;
    }
    if (this.#heldAt !== null && event.type === 'pointerup') {
      this.#scrub(this.#heldAt);
    }
    this.#heldAt = null;
    this.#gesture = 'none';
    if (event.pointerType !== 'mouse') {
      this.#preview.hide();
    }
  }

  /** Two fingers: their distance zooms, their movement pans. @param {number} id @param {number} before @param {number} x */
  #pinch(id, before, x) {
    const other = [...this.#pointers].find(([key]) => key !== id)?.[1] ?? x;
    const [was, is] = [Math.abs(before - other), Math.abs(x - other)];
    if (was > 0 && is > 0) {
      this.#timeline.zoom(was / is, this.#momentAt((before + other) / 2));
    }
    this.#pan((before - x) / 2);
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
    if (this.#gesture === 'scrub') {
      this.#wish = this.#momentAt(x);
      this.#toldAt = -Infinity;
      this.#showPreview(x);
      this.#seekWish();
      this.tick();
    }
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

/** A length that is good enough to be told, and does not change with every second. @param {number} ms */
function roughly(ms) {
  const grain = ROUGHLY_MS.find(([above]) => ms >= above)?.[1] ?? 1000;
  return Math.round(ms / grain) * grain;
}
