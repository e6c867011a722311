/**
 * The list of recordings beside the picture, newest first: what is shown of them, and what is done with them.
 */

import { clockText } from '../shell/clock.js';
import { goesOn, hasFootage, lengthText, titleOf } from './recordings.js';

/** Recordings in the document at first: the markers are below. And how many more each time they are asked for. */
const FIRST = 3;
const MORE = 20;

/** @typedef {import('./recordings.js').Recording} Recording */

export class RecordingList {
  #part;
  #recordings;
  #does;
  #list;
  #more;
  #template;
  /** @type {Map<string, HTMLLIElement>} */
  #items = new Map();
  #most = FIRST;
  #shown = '';

  /**
   * @param {HTMLElement} part of the page
   * @param {import('./recordings.js').Recordings} recordings
   * @param {object} does
   * @param {(at: number) => void} does.goTo
   * @param {() => void} does.keep keeps what just happened
   * @param {() => {isKept: boolean, oldest: number | null, text: string}} does.disk whether there is a history, since when, and what is said of it
   * @param {(at: number) => string} does.pictureOf the address of a small picture
   */
  constructor(part, recordings, does) {
    this.#part = part;
    this.#recordings = recordings;
    this.#does = does;
    this.#list = /** @type {HTMLElement} */ (part.querySelector('ul'));
    this.#more = /** @type {HTMLButtonElement} */ (part.querySelector('#more-recordings'));
    this.#template = /** @type {HTMLTemplateElement} */ (part.querySelector('template'));
    this.#more.onclick = () => {
      this.#most += MORE;
      this.tick();
    };
    /** @type {HTMLButtonElement} */ (part.querySelector('#keep')).onclick = () => does.keep();
  }

  /** To be called some times a second. */
  tick() {
    const { isKept, oldest, text } = this.#does.disk();
    this.#part.hidden = !isKept;
    const now = Date.now();
    const { all, version } = this.#recordings;
    const running = all.filter((recording) => goesOn(recording, now)).length;
    const shown = [version, this.#most, oldest, running, text].join(';');
    if (isKept && shown !== this.#shown) {
      this.#shown = shown;
      setText(this.#part, '.disk', text);
      this.#showAll(now, oldest);
    }
  }

  /** @param {number} now @param {number | null} oldest */
  #showAll(now, oldest) {
    const { all } = this.#recordings;
    const shown = all.slice(0, this.#most);
    const wanted = new Set(shown.map(({ id }) => id));
    for (const [id, item] of this.#items) {
      if (!wanted.has(id)) {
        this.#forget(id, item);
      }
    }
    let next = this.#list.firstElementChild;
    for (const recording of shown) {
      const item = this.#items.get(recording.id) ?? this.#add(recording, oldest);
      this.#write(item, recording, now, oldest);
      if (item === next) {
        next = next.nextElementSibling;
      } else {
        this.#list.insertBefore(item, next);
      }
    }
    const more = all.length - shown.length;
    this.#more.hidden = more === 0;
    this.#more.textContent = `Show ${Math.min(MORE, more)} of ${more} older`;
  }

  /** Who goes by the keyboard is not thrown back to the top of the page. @param {string} id @param {HTMLLIElement} item */
  #forget(id, item) {
    const hadFocus = item.contains(document.activeElement);
    item.remove();
    this.#items.delete(id);
    if (hadFocus) {
      buttonOf(this.#part, '#keep').focus();
    }
  }

  /** @param {Recording} recording @param {number | null} oldest */
  #add(recording, oldest) {
    const { id, from, file } = recording;
    const item = /** @type {HTMLLIElement} */ (/** @type {Element} */ (this.#template.content.firstElementChild).cloneNode(true));
    const picture = /** @type {HTMLImageElement} */ (item.querySelector('img'));
    picture.onerror = () => picture.removeAttribute('src');
    if (hasFootage(recording, oldest)) {
      picture.src = this.#does.pictureOf(from);
    }
    buttonOf(item, '.go').onclick = () => this.#does.goTo(from);
    buttonOf(item, '.stop').onclick = () => void this.#recordings.edit(id, { stop: true });
    buttonOf(item, '.protect').onclick = ({ currentTarget }) => {
      const isProtected = /** @type {HTMLElement} */ (currentTarget).getAttribute('aria-pressed') === 'true';
      void this.#recordings.edit(id, { protect: !isProtected });
    };
    /** @type {HTMLAnchorElement} */ (item.querySelector('a')).href = file;
    buttonOf(item, '.delete').onclick = () => {
      this.#recordings.remove(id);
      this.tick();
      buttonOf(item, '.undo').focus();
    };
    buttonOf(item, '.undo').onclick = () => {
      this.#recordings.restore(id);
      this.tick();
      buttonOf(item, '.delete').focus();
    };
    this.#connectRename(item, id);
    this.#items.set(id, item);
    return item;
  }

  /** @param {HTMLLIElement} item @param {string} id */
  #connectRename(item, id) {
    const form = /** @type {HTMLFormElement} */ (item.querySelector('form'));
    const field = /** @type {HTMLInputElement} */ (form.querySelector('input'));
    const rename = buttonOf(item, '.rename');
    const nameOf = () => this.#recordings.all.find((recording) => recording.id === id)?.name ?? '';
    const close = () => {
      form.hidden = true;
      rename.focus();
    };
    rename.onclick = () => {
      field.value = nameOf();
      form.hidden = false;
      field.focus();
      field.select();
    };
    form.onsubmit = async (event) => {
      event.preventDefault();
      const name = field.value.trim();
      if (name === nameOf() || (await this.#recordings.edit(id, { name: name === '' ? null : name }))) {
        close();
      }
    };
    field.onkeydown = (event) => {
      if (event.key === 'Escape') {
        close();
      }
    };
  }

  /** @param {HTMLLIElement} item @param {Recording} recording @param {number} now @param {number | null} oldest */
  #write(item, recording, now, oldest) {
    const title = titleOf(recording, new Date());
    const deleted = this.#recordings.isDeleted(recording.id);
    item.classList.toggle('deleted', deleted);
    setText(item, '.what', title);
    setText(item, 'time', recording.name === null ? '' : clockText(new Date(recording.from), new Date()));
    setText(item, '.lasted', lengthText(recording, now, oldest));
    setText(item, '.deleted-what', `“${title}” is deleted.`);
    buttonOf(item, '.stop').hidden = !goesOn(recording, now);
    buttonOf(item, '.protect').setAttribute('aria-pressed', String(recording.protect));
    // Alike in every row for the eye; for a screen reader each says of what.
    item.querySelectorAll('.acts > *, .undo').forEach((act) => act.setAttribute('aria-label', `${act.textContent}: ${title}`));
  }
}

/** @param {Element} within @param {string} selector */
function buttonOf(within, selector) {
  return /** @type {HTMLButtonElement} */ (within.querySelector(selector));
}

/** Writes only what changed. @param {Element} within @param {string} selector @param {string} text */
function setText(within, selector, text) {
  const element = within.querySelector(selector);
  if (element !== null && element.textContent !== text) {
    element.textContent = text;
  }
}
