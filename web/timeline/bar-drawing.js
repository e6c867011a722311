/**
 * Draws the seek bar on a canvas: the ruler, what can be played, and the markers' spans. Colours and sizes of text are those of the
 * style sheet.
 */

import { colourOf, spansOf } from '../markers/marker-spans.js';
import { tickWriter, ticksOf } from './ticks.js';

/** The ruler's share of the bar's height; the rest is the track below it. */
export const RULER_SHARE = 20 / 48;
/** Room that a label of the ruler needs, in widths of "00:00:00". */
const LABEL_ROOM = 1.5;
/** Around the rows of spans, and between them. */
const MARGIN_PX = 4;
const BETWEEN_PX = 2;
/** A row is at most this share of the track's height: one kind alone should not look like the track itself. */
const ROW_MAX_SHARE = 8 / 28;
/** Rows at most: more would be too thin to see. Further kinds share the last. */
const ROWS_MAX = 4;
/** The line below what is kept for ever, which stands in the margin. */
const KEPT_PX = 3;

/**
 * @typedef {object} Drawing
 * @property {import('./timeline.js').Timeline} timeline
 * @property {readonly import('./timeline.js').Stretch[]} footage of the archive; none where all of the window is there
 * @property {readonly import('./timeline.js').Stretch[]} kept for ever: protected recordings
 * @property {readonly import('../markers/marker-store.js').Marker[]} markers
 * @property {readonly string[]} kinds that there are, whether or not in view, so that no row jumps
 * @property {ReadonlySet<string>} hidden kinds
 * @property {number} seen where those end that go on and that only the camera can see
 */

/** @param {HTMLCanvasElement} canvas @param {Drawing} drawing */
export function drawBar(canvas, { timeline, footage, kept, markers, kinds, hidden, seen }) {
  const context = canvas.getContext('2d');
  const { clientWidth: width, clientHeight: height } = canvas;
  if (context === null || width === 0) {
    return;
  }
  const ratio = window.devicePixelRatio;
  // Setting its size also clears it.
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const colour = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  context.font = fontOf(style);
  const ruler = Math.round(height * RULER_SHARE);
  const track = { top: ruler, height: height - ruler };
  drawTrack(context, coveredOf(timeline, footage, width), track, colour);
  drawRuler(context, timeline, width, track, colour);
  context.fillStyle = colour('kept');
  for (const span of keptOf(timeline, kept, width)) {
    context.fillRect(span.left, height - KEPT_PX, span.width, KEPT_PX);
  }
  const rows = kinds.filter((kind) => !hidden.has(kind));
  drawSpans(context, rows, track, spansOf(markers, timeline.view, width, timeline.window.to, hidden, seen), colour);
}

/**
 * The font of a style, for a canvas. A computed style's own `font` is empty as soon as it has what the shorthand cannot say, like figures
 * of equal width.
 * @param {Pick<CSSStyleDeclaration, 'fontStyle' | 'fontWeight' | 'fontSize' | 'fontFamily'>} style
 */
export function fontOf({ fontStyle, fontWeight, fontSize, fontFamily }) {
  return `${fontStyle} ${fontWeight} ${fontSize} ${fontFamily}`;
}

/** @typedef {{top: number, height: number}} Track in CSS pixels */

/**
 * Where on a bar there is footage, in pixels, first to last. The newest reaches to the end of the window, for it was told some time ago.
 * @param {import('./timeline.js').Timeline} timeline @param {readonly import('./timeline.js').Stretch[]} footage @param {number} width
 * @returns {{left: number, right: number}[]}
 */
export function coveredOf(timeline, footage, width) {
  const { from, to } = timeline.window;
  const stretches = footage.length === 0 ? [{ from, to }] : footage.map((stretch, n) => (n === footage.length - 1 ? { ...stretch, to } : stretch));
  /** @type {{left: number, right: number}[]} */
  const covered = [];
  for (const stretch of stretches) {
    const [left, right] = [stretch.from, stretch.to].map((at) => Math.max(0, Math.min(1, timeline.placeOf(at))) * width);
    const last = covered.at(-1);
    // A gap that is narrower than a pixel is none.
    if (last !== undefined && left - last.right < 1) {
      last.right = Math.max(last.right, right);
    } else if (right > 0 && left < width) {
      covered.push({ left, right: Math.max(right, left + 1) });
    }
  }
  return covered;
}

/**
 * @param {CanvasRenderingContext2D} context @param {{left: number, right: number}[]} covered
 * @param {Track} track @param {(name: string) => string} colour
 */
function drawTrack(context, covered, track, colour) {
  context.fillStyle = colour('track');
  for (const { left, right } of covered) {
    context.beginPath();
    context.roundRect(left, track.top, right - left, track.height, Math.min(6, (right - left) / 2));
    context.fill();
  }
}

/**
 * @param {CanvasRenderingContext2D} context @param {import('./timeline.js').Timeline} timeline @param {number} width
 * @param {Track} track @param {(name: string) => string} colour
 */
function drawRuler(context, timeline, width, track, colour) {
  const room = context.measureText('00:00:00').width * LABEL_ROOM;
  const { step, ticks } = ticksOf(timeline.view, Math.max(1, width / room));
  const write = tickWriter(step);
  const trackLeft = timeline.placeOf(timeline.window.from) * width;
  context.textBaseline = 'middle';
  for (const tick of ticks) {
    const x = Math.round(timeline.placeOf(tick.at) * width);
    const text = write(tick);
    const half = context.measureText(text).width / 2;
    if (x >= trackLeft) {
      context.fillStyle = colour('tick');
      context.fillRect(x, track.top, 1, track.height);
    }
    // Labels that would be cut are left out, but for a bar so narrow that it had none.
    if (x - half >= 0 && x + half <= width) {
      context.fillStyle = colour(tick.midnight ? 'text' : 'quiet');
      context.fillText(text, x - half, track.top / 2 - 1);
    }
  }
}

/**
 * Where on a bar something is kept for ever, in pixels. What is kept of the time to come is not there yet.
 * @param {import('./timeline.js').Timeline} timeline @param {readonly import('./timeline.js').Stretch[]} kept @param {number} width
 * @returns {{left: number, width: number}[]}
 */
export function keptOf(timeline, kept, width) {
  return kept.flatMap(({ from, to }) => {
    const [left, right] = [from, Math.min(to, timeline.window.to)].map((at) => Math.max(0, Math.min(1, timeline.placeOf(at))) * width);
    return right > 0 && left < width && from < timeline.window.to ? [{ left, width: Math.max(1, right - left) }] : [];
  });
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string[]} kinds
 * @param {Track} track
 * @param {Map<string, import('../markers/marker-spans.js').Span[]>} spans
 * @param {(name: string) => string} colour
 */
function drawSpans(context, kinds, track, spans, colour) {
  const rows = Math.min(kinds.length, ROWS_MAX);
  const room = track.height - 2 * MARGIN_PX + BETWEEN_PX;
  const height = Math.min(track.height * ROW_MAX_SHARE, room / rows - BETWEEN_PX);
  const top = track.top + (track.height - rows * (height + BETWEEN_PX) + BETWEEN_PX) / 2;
  kinds.forEach((kind, n) => {
    context.fillStyle = colour(`kind-${colourOf(kind)}`);
    for (const { left, width } of spans.get(kind) ?? []) {
      context.beginPath();
      context.roundRect(left, top + Math.min(n, rows - 1) * (height + BETWEEN_PX), width, height, Math.min(3, width / 2));
      context.fill();
    }
  });
}
