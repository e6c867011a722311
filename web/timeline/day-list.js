/**
 * The overview of the days: a row for each, with what there is of it. A click shows the day on the bar, from its first picture on.
 */

import { durationText, roughly } from '../shell/clock.js';
import { daysOf } from './days.js';

/** How often it is put together anew: it changes by minutes. */
const LOOK_MS = 10_000;

/** @typedef {import('./days.js').Day} Day */
/** @typedef {import('./days.js').Part} Part */

export class DayList {
  #part;
  #list;
  #of;
  #show;
  #lookedAt = -Infinity;
  #shown = '';

  /**
   * @param {HTMLElement} part of the page
   * @param {() => Parameters<typeof daysOf>[0]} of what there is
   * @param {(day: Day) => void} show
   */
  constructor(part, of, show) {
    this.#part = part;
    this.#list = /** @type {HTMLElement} */ (part.querySelector('ul'));
    this.#of = of;
    this.#show = show;
  }

  /** What there is has changed. */
  changed() {
    this.#lookedAt = -Infinity;
  }

  /** To be called some times a second. @param {number} now on a steady clock */
  tick(now) {
    if (now - this.#lookedAt < LOOK_MS || document.hidden) {
      return;
    }
    this.#lookedAt = now;
    const days = daysOf(this.#of(), Date.now());
    // By minutes and 500ths of a day: what is less is not seen.
    const shown = JSON.stringify(days, (key, value) => (key === 'left' || key === 'width' ? Math.round(value * 500) : key === 'footageMs' ? Math.round(value / 60_000) : value));
    if (shown === this.#shown) {
      return;
    }
    this.#shown = shown;
    this.#part.hidden = days.length === 0;
    // Who has come to a day by the keyboard stays there.
    const focused = [...this.#list.children].findIndex((item) => item.contains(document.activeElement));
    this.#list.replaceChildren(...days.map((day) => this.#item(day)));
    /** @type {HTMLElement | null | undefined} */ (this.#list.children[focused]?.querySelector('button'))?.focus();
  }

  /** @param {Day} day */
  #item(day) {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.onclick = () => this.#show(day);
    const name = document.createElement('span');
    name.textContent = new Date(day.from).toLocaleDateString(undefined, { weekday: 'short', day: 'numeric', month: 'short' });
    const strip = document.createElement('span');
    strip.className = 'day-strip';
    strip.append(...spans('covered', day.covered), ...spans('marked', day.marked), ...spans('kept', day.kept));
    const length = document.createElement('span');
    length.className = 'lasted';
    length.textContent = durationText(roughly(day.footageMs));
    button.append(name, strip, length);
    item.append(button);
    return item;
  }
}

/** @param {string} name @param {Part[]} parts */
function spans(name, parts) {
  return parts.map(({ left, width }) => {
    const span = document.createElement('span');
    span.className = `day-${name}`;
    // As properties: the page's policy forbids the attribute.
    span.style.setProperty('left', `${(left * 100).toFixed(2)}%`);
    span.style.setProperty('width', `${(width * 100).toFixed(2)}%`);
    return span;
  });
}
