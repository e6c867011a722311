/**
 * What floats above the seek bar at the pointer: the time there, a picture, and what was marked.
 */

import { kindText } from '../markers/marker-store.js';
import { copyTo } from '../player/key-frames.js';
import { clockText, durationText } from '../shell/clock.js';

/** Markers named one by one at most; more are counted. */
const NAMED_MAX = 2;

/** @typedef {import('../player/thumbnails.js').Thumbnails<HTMLCanvasElement>} Pictures */

export class Preview {
  #box;
  #canvas;
  #time;
  #text;
  #pictures;
  #at = NaN;
  /** Where to point to, and the room there is, in pixels. */
  #place = { x: 0, width: 0 };
  #asking = false;

  /** @param {HTMLElement} box with a canvas, a time and a paragraph @param {Pictures} pictures */
  constructor(box, pictures) {
    this.#box = box;
    this.#canvas = /** @type {HTMLCanvasElement} */ (box.querySelector('canvas'));
    this.#time = /** @type {HTMLTimeElement} */ (box.querySelector('time'));
    this.#text = /** @type {HTMLElement} */ (box.querySelector('p'));
    this.#pictures = pictures;
  }

  /**
   * @param {number} at
   * @param {number} x where to point to, in pixels from the left of the bar
   * @param {number} width of the bar
   * @param {import('../markers/marker-store.js').Marker[]} markers there
   */
  show(at, x, width, markers) {
    this.#at = at;
    this.#box.hidden = false;
    this.#time.textContent = clockText(new Date(at), new Date());
    this.#text.textContent = (markers.length > NAMED_MAX ? countsOf(markers) : markers.map(textOf)).join(', ');
    this.#place = { x, width };
    this.#stand();
    void this.#picture();
  }

  /** Stands above the pointer, and within the bar. To be called whenever the box may be wider or narrower than before. */
  #stand() {
    const { x, width } = this.#place;
    this.#box.style.setProperty('left', `${leftOf(x, this.#box.offsetWidth, width)}px`);
  }

  hide() {
    this.#at = NaN;
    this.#box.hidden = true;
  }

  /** One question at a time: a pointer that sweeps over a day must not leave a queue of pictures behind. */
  async #picture() {
    if (this.#asking) {
      return;
    }
    this.#asking = true;
    for (let asked = NaN; asked !== this.#at && !this.#box.hidden; ) {
      asked = this.#at;
      const picture = await this.#pictures.of(asked);
      if (picture !== null || asked === this.#at) {
        this.#draw(picture);
      }
    }
    this.#asking = false;
  }

  /** @param {HTMLCanvasElement | null} picture */
  #draw(picture) {
    this.#canvas.hidden = picture === null;
    if (picture !== null) {
      copyTo(this.#canvas, picture);
    }
    this.#stand();
  }
}

/**
 * The left edge of a box that is to stand above a place of a bar and within the bar, if it fits.
 * @param {number} x @param {number} box its width @param {number} bar its width
 */
export function leftOf(x, box, bar) {
  return Math.max(0, Math.min(bar - box, x - box / 2));
}

/** @param {import('../markers/marker-store.js').Marker} marker */
function textOf({ kind, text, begin, end }) {
  const what = text === null ? kindText(kind) : `${kindText(kind)}: ${text}`;
  return end === null || end === begin ? what : `${what} (${durationText(end - begin)})`;
}

/** @param {import('../markers/marker-store.js').Marker[]} markers */
function countsOf(markers) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  markers.forEach(({ kind }) => counts.set(kind, (counts.get(kind) ?? 0) + 1));
  return [...counts].map(([kind, count]) => `${kindText(kind)} × ${count}`);
}
