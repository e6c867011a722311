/**
 * What can be done with a stretch of time: it is drawn on the bar, and beside it stands what it is and what to do.
 */

import { byId } from '../shell/page.js';
import { clockText, durationText } from '../shell/clock.js';
import { Stretch, lapseSpeed } from './stretch.js';

/**
 * @typedef {object} Acts
 * @property {(from: number) => void} play
 * @property {(from: number, to: number) => void} save as a file
 * @property {(from: number, to: number, speed: number) => void} lapse saves it as a time-lapse, so many times as fast
 * @property {(from: number, to: number) => void} keep on the server
 * @property {(from: number, to: number) => void} share by a link
 * @property {() => boolean} canKeep
 */

/** The elements `seek-stretch` and `stretch` of the page. */
export class StretchPanel {
  #stretch = new Stretch();
  #canKeep;
  #drawn = '';

  /** @param {Acts} acts */
  constructor({ play, save, lapse, keep, share, canKeep }) {
    this.#canKeep = canKeep;
    /** @type {[string, (range: {from: number, to: number}) => void][]} */
    const buttons = [
      ['stretch-play', ({ from }) => play(from)],
      ['stretch-save', ({ from, to }) => save(from, to)],
      ['stretch-lapse', ({ from, to }) => lapse(from, to, lapseSpeed(to - from) ?? 1)],
      ['stretch-keep', ({ from, to }) => keep(from, to)],
      ['stretch-share', ({ from, to }) => share(from, to)],
    ];
    for (const [id, act] of buttons) {
      byId(id).onclick = () => {
        const { range } = this.#stretch;
        if (range !== null) {
          act(range);
        }
      };
    }
    byId('stretch-clear').onclick = () => this.clear();
    byId('stretch').addEventListener('keydown', (event) => event.key === 'Escape' && this.clear());
  }

  /** @param {number} at */
  begin(at) {
    this.#stretch.begin(at);
  }

  /** @param {number} at */
  extend(at) {
    this.#stretch.extend(at);
  }

  clear() {
    this.#stretch.clear();
    byId('stretch').hidden = true;
    byId('seek-stretch').hidden = true;
  }

  /** To be called whenever the bar may show another time. @param {import('./timeline.js').Timeline} timeline */
  draw(timeline) {
    const { range } = this.#stretch;
    const [panel, span] = [byId('stretch'), byId('seek-stretch')];
    panel.hidden = range === null;
    if (range === null) {
      span.hidden = true;
      return;
    }
    const [left, right] = [range.from, range.to].map((at) => Math.max(0, Math.min(1, timeline.placeOf(at))) * 100);
    span.hidden = right <= 0 || left >= 100;
    const looks = `${left.toFixed(2)} ${right.toFixed(2)}`;
    if (looks !== this.#drawn) {
      this.#drawn = looks;
      span.style.setProperty('left', `${left.toFixed(2)}%`);
      span.style.setProperty('width', `${(right - left).toFixed(2)}%`);
    }
    const text = `${durationText(range.to - range.from)} from ${clockText(new Date(range.from), new Date())}`;
    const told = byId('stretch-text');
    if (told.textContent !== text) {
      told.textContent = text;
    }
    byId('stretch-lapse').hidden = lapseSpeed(range.to - range.from) === null;
    byId('stretch-keep').hidden = !this.#canKeep();
  }
}
