/**
 * What pointers on the seek bar mean: one that scrubs or drags out a stretch, one on the ruler that pans, two that pinch. Pure: places come in as pixels from the
 * left of the bar, actions come out.
 */

/** A finger that moves less than this stands still. */
const TAP_PX = 8;

/**
 * @typedef {{type: 'scrub', x: number} | {type: 'pan', px: number} | {type: 'zoom', factor: number, x: number} | {type: 'hover', x: number}
 *   | {type: 'give-up'} | {type: 'leave'} | {type: 'begin-stretch', x: number} | {type: 'stretch', x: number}} Action
 * `give-up`: what was sought is not meant any more; `leave`: the pointer is not there any more
 */

/** Follows the pointers of one bar. */
export class BarGestures {
  /** Pointers that are down, by their id. @type {Map<number, number>} */
  #pointers = new Map();
  /** Where a finger went down that has not moved: the next event decides whether it seeks. @type {number | null} */
  #heldAt = null;
  #kind = /** @type {'none' | 'scrub' | 'pan' | 'pinch' | 'stretch'} */ ('none');

  /** Whether no pointer is down. */
  get idle() {
    return this.#kind === 'none';
  }

  /**
   * @param {{id: number, x: number, pans: boolean, touch: boolean, stretches?: boolean}} pointer `pans`: it went down where it pans;
   * `stretches`: it drags out a stretch
   * @returns {Action[]}
   */
  down({ id, x, pans, touch, stretches = false }) {
    this.#pointers.set(id, x);
    if (this.#pointers.size > 1) {
      this.#kind = 'pinch';
      this.#heldAt = null;
      return [{ type: 'give-up' }];
    }
    if (stretches) {
      this.#kind = 'stretch';
      return [{ type: 'begin-stretch', x }];
    }
    this.#kind = pans ? 'pan' : 'scrub';
    // A finger may be the first of two that zoom.
    this.#heldAt = touch ? x : null;
    return touch ? [] : this.#scrub(x);
  }

  /** A finger has stood still for long: it drags out a stretch from there. @returns {Action[]} */
  hold() {
    if (this.#heldAt === null) {
      return [];
    }
    this.#kind = 'stretch';
    const x = this.#heldAt;
    this.#heldAt = null;
    return [{ type: 'begin-stretch', x }];
  }

  /** @param {{id: number, x: number}} pointer @returns {Action[]} */
  move({ id, x }) {
    const before = this.#pointers.get(id);
    if (before === undefined) {
      return [{ type: 'hover', x }];
    }
    if (this.#heldAt !== null && Math.abs(x - this.#heldAt) < TAP_PX) {
      return [];
    }
    this.#heldAt = null;
    const moved = this.#kind === 'pinch' ? this.#pinch(id, before, x) : this.#kind === 'pan' ? [{ type: /** @type {const} */ ('pan'), px: before - x }] : [];
    this.#pointers.set(id, x);
    return [...moved, ...this.#scrub(x)];
  }

  /** @param {{id: number, cancelled: boolean, mouse: boolean}} pointer @returns {Action[]} */
  up({ id, cancelled, mouse }) {
    // The finger that stays after a pinch must not make the picture jump.
    if (!this.#pointers.delete(id) || this.#pointers.size > 0) {
      return [];
    }
    const tap = this.#heldAt !== null && !cancelled ? this.#scrub(this.#heldAt) : [];
    this.#heldAt = null;
    this.#kind = 'none';
    return mouse ? tap : [...tap, { type: 'leave' }];
  }

  /** @param {number} x @returns {Action[]} */
  #scrub(x) {
    return this.#kind === 'scrub' || this.#kind === 'stretch' ? [{ type: this.#kind, x }] : [];
  }

  /** Two fingers: their distance zooms, their movement pans. @param {number} id @param {number} before @param {number} x @returns {Action[]} */
  #pinch(id, before, x) {
    const other = [...this.#pointers].find(([key]) => key !== id)?.[1] ?? x;
    const [was, is] = [Math.abs(before - other), Math.abs(x - other)];
    /** @type {Action[]} */
    const zoom = was > 0 && is > 0 ? [{ type: 'zoom', factor: was / is, x: (before + other) / 2 }] : [];
    return [...zoom, { type: 'pan', px: (before - x) / 2 }];
  }
}
