/**
 * The list of markers beside the picture, newest first, with its filter.
 */

import { clockText, durationText } from '../shell/clock.js';
import { colourOf } from './marker-spans.js';
import { kindText, newestOf, pictureAt } from './marker-store.js';
import { copyTo } from '../player/key-frames.js';
import { GRAIN_MS } from '../player/thumbnails.js';

/** Markers in the document at first, and how many more each time they are asked for. */
const PAGE = 100;
/** A jump goes to this long before the beginning, so that one sees it begin. */
export const BEFORE_MS = 2000;
/** How long a marker that comes live is highlighted. */
const NEWS_MS = 4000;
/** Pictures asked for in one tick: the user's pointer wants some too. */
const PICTURES_PER_TICK = 4;
/** The wait before a picture that could not be had is asked for again, and the longest such wait. */
const AGAIN_MS = 2000;
const AGAIN_MAX_MS = 60_000;

/** What is said of a marker that has no end yet. */
const GOES_ON = 'now';

/** @typedef {import('./marker-store.js').Marker} Marker */

export class MarkerList {
  #marks;
  #pictures;
  #range;
  #goTo;
  #seenUntil;
  #panel;
  #list;
  #more;
  #nothing;
  #kinds;
  #template;
  /** @type {Map<string, HTMLLIElement>} */
  #items = new Map();
  /** @type {Set<HTMLLIElement>} */
  #inView = new Set();
  /** Items whose picture is on its way. @type {Set<HTMLLIElement>} */
  #asked = new Set();
  /** Until when an item whose picture could not be had waits. @type {WeakMap<HTMLLIElement, {until: number, tries: number}>} */
  #failed = new WeakMap();
  #most = PAGE;
  #shown = '';
  #shownKinds = '';
  #seen = new IntersectionObserver((entries) => entries.forEach((entry) => this.#passed(entry)));

  /**
   * @param {HTMLElement} panel
   * @param {import('./markers.js').Marks} marks
   * @param {object} does
   * @param {import('../timeline/preview.js').Pictures} does.pictures
   * @param {() => import('../timeline/timeline.js').Stretch | null} does.range the moments that pictures can be had of
   * @param {(at: number) => void} does.goTo
   * @param {() => number | null} does.seenUntil up to when things that go on were seen; null while they go on
   */
  constructor(panel, marks, { pictures, range, goTo, seenUntil }) {
    this.#panel = panel;
    this.#marks = marks;
    this.#pictures = pictures;
    this.#range = range;
    this.#goTo = goTo;
    this.#seenUntil = seenUntil;
    this.#list = /** @type {HTMLOListElement} */ (panel.querySelector('ol'));
    this.#more = /** @type {HTMLButtonElement} */ (panel.querySelector('#more-markers'));
    this.#nothing = /** @type {HTMLElement} */ (panel.querySelector('.nothing'));
    this.#kinds = /** @type {HTMLElement} */ (panel.querySelector('#kinds'));
    this.#template = /** @type {HTMLTemplateElement} */ (panel.querySelector('#marker'));
    this.#more.onclick = () => {
      this.#most += PAGE;
      this.tick();
    };
  }

  /** To be called some times a second. */
  tick() {
    this.#panel.hidden = !this.#marks.known;
    const { store, hidden } = this.#marks;
    const shown = [store.version, [...hidden].join(), this.#most, this.#seenUntil()].join(';');
    if (shown !== this.#shown) {
      this.#shown = shown;
      this.#showKinds();
      this.#showMarkers();
    }
    this.#askForPictures();
  }

  #showKinds() {
    const { store, hidden } = this.#marks;
    const counts = new Map(store.kinds.map((kind) => [kind, 0]));
    store.all.forEach(({ kind }) => counts.set(kind, (counts.get(kind) ?? 0) + 1));
    const kinds = [...counts.keys()].join();
    if (kinds !== this.#shownKinds) {
      this.#shownKinds = kinds;
      this.#kinds.replaceChildren(...[...counts.keys()].map((kind) => this.#chipOf(kind)));
    }
    for (const chip of /** @type {Iterable<HTMLElement>} */ (this.#kinds.children)) {
      const kind = chip.dataset.kind ?? '';
      chip.setAttribute('aria-pressed', String(!hidden.has(kind)));
      chip.textContent = `${kindText(kind)} ${counts.get(kind)}`;
    }
    this.#kinds.hidden = counts.size === 0;
  }

  /** @param {string} kind */
  #chipOf(kind) {
    const chip = document.createElement('button');
    chip.type = 'button';
    chip.className = `chip kind-${colourOf(kind)}`;
    chip.dataset.kind = kind;
    chip.onclick = () => {
      this.#marks.toggle(kind);
      this.tick();
    };
    return chip;
  }

  #showMarkers() {
    const { store, hidden } = this.#marks;
    const { shown, more } = newestOf(store.all, hidden, this.#most);
    const wanted = new Set(shown.map(({ id }) => id));
    for (const [id, item] of this.#items) {
      if (!wanted.has(id)) {
        this.#remove(id, item);
      }
    }
    let next = this.#list.firstElementChild;
    for (const marker of shown) {
      const item = this.#items.get(marker.id) ?? this.#add(marker);
      this.#write(item, marker);
      if (item === next) {
        next = next.nextElementSibling;
      } else {
        this.#list.insertBefore(item, next);
      }
    }
    this.#more.hidden = more === 0;
    this.#more.textContent = `Show ${Math.min(PAGE, more)} of ${more} older`;
    this.#panel.dataset.empty = String(shown.length === 0);
    const nothing = nothingText(store.all.length);
    if (this.#nothing.textContent !== nothing) {
      this.#nothing.textContent = nothing;
    }
    store.told();
  }

  /** @param {Marker} marker */
  #add(marker) {
    const { store } = this.#marks;
    const item = /** @type {HTMLLIElement} */ (/** @type {Element} */ (this.#template.content.firstElementChild).cloneNode(true));
    item.classList.add(`kind-${colourOf(marker.kind)}`);
    if (store.isNews(marker.id)) {
      item.classList.add('news');
      setTimeout(() => item.classList.remove('news'), NEWS_MS);
    }
    const button = /** @type {HTMLButtonElement} */ (item.querySelector('button'));
    button.onclick = () => this.#goTo(Number(item.dataset.begin) - BEFORE_MS);
    this.#items.set(marker.id, item);
    this.#seen.observe(item);
    return item;
  }

  /** @param {HTMLLIElement} item @param {Marker} marker */
  #write(item, marker) {
    const { kind, text, begin, count } = marker;
    item.dataset.begin = String(begin);
    item.dataset.pictureAt = String(pictureAt(marker, GRAIN_MS));
    setText(item, '.what', kindText(kind) + (count !== null && count > 1 ? ` × ${count}` : ''));
    setText(item, '.text', text ?? '');
    setText(item, 'time', clockText(new Date(begin), new Date()));
    const lasted = lastedText(marker, this.#seenUntil());
    setText(item, '.lasted', lasted);
    item.classList.toggle('open', lasted === GOES_ON);
  }

  /** @param {string} id @param {HTMLLIElement} item */
  #remove(id, item) {
    this.#seen.unobserve(item);
    this.#inView.delete(item);
    this.#items.delete(id);
    item.remove();
  }

  /** @param {IntersectionObserverEntry} entry */
  #passed({ target, isIntersecting }) {
    const item = /** @type {HTMLLIElement} */ (target);
    if (isIntersecting) {
      this.#inView.add(item);
    } else {
      this.#inView.delete(item);
    }
  }

  #askForPictures() {
    const range = this.#range();
    if (range === null || document.hidden) {
      return;
    }
    const now = performance.now();
    const askable = [...this.#inView].filter((item) => {
      const { pictureAt: at, picturedAt } = item.dataset;
      const isThere = Number(at) >= range.from && Number(at) <= range.to;
      return at !== picturedAt && isThere && !this.#asked.has(item) && now >= (this.#failed.get(item)?.until ?? 0);
    });
    askable.slice(0, PICTURES_PER_TICK).forEach((item) => void this.#picture(item));
  }

  /** @param {HTMLLIElement} item */
  async #picture(item) {
    const at = item.dataset.pictureAt ?? '';
    this.#asked.add(item);
    const picture = await this.#pictures.of(Number(at));
    this.#asked.delete(item);
    const canvas = item.querySelector('canvas');
    if (picture !== null && canvas !== null) {
      copyTo(canvas, picture);
      item.dataset.picturedAt = at;
      this.#failed.delete(item);
    } else {
      const tries = this.#failed.get(item)?.tries ?? 0;
      this.#failed.set(item, { until: performance.now() + Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** tries), tries: tries + 1 });
    }
  }
}

/**
 * How long a marker lasted, in words; empty for a moment.
 * @param {Pick<Marker, 'begin' | 'end' | 'detected'>} marker
 * @param {number | null} seenUntil up to when the camera saw what goes on; null while it does
 */
export function lastedText({ begin, end, detected }, seenUntil) {
  if (end === null && (seenUntil === null || !detected)) {
    return GOES_ON;
  }
  const until = end ?? Math.max(begin, seenUntil ?? begin);
  return until === begin ? '' : durationText(until - begin);
}

/**
 * What an empty list says.
 * @param {number} markers that there are, hidden or not
 */
export function nothingText(markers) {
  return markers > 0
    ? 'All that was marked in this stretch is of kinds that are hidden.'
    : 'Nothing was marked in this stretch. What the camera notices appears here by itself.';
}

/** Writes only what changed. @param {HTMLElement} item @param {string} selector @param {string} text */
function setText(item, selector, text) {
  const element = item.querySelector(selector);
  if (element !== null && element.textContent !== text) {
    element.textContent = text;
  }
}
