/**
 * The keyboard: which key does what. Every module adds its commands here; the help is written from the same list.
 *
 * Pure but for `run`; page.js listens.
 */

/**
 * @typedef {object} Command
 * @property {string[]} keys as `KeyboardEvent.key` names them; letters in lower case
 * @property {string} text what it does, for the help
 * @property {() => void} run
 */

/** Keys that have no letter of their own. @type {Record<string, string>} */
const NAMES = { ' ': 'Space', ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓', Escape: 'Esc' };

/** All commands of the page. */
export class KeyMap {
  /** @type {Command[]} */
  #commands = [];
  /** @type {Map<string, Command>} */
  #byKey = new Map();

  /** Adds commands; a key can have one only. @param {Command[]} commands */
  add(...commands) {
    for (const command of commands) {
      for (const key of command.keys) {
        if (this.#byKey.has(key)) {
          throw new Error(`the key ${key} is taken: ${this.#byKey.get(key)?.text}`);
        }
        this.#byKey.set(key, command);
      }
      this.#commands.push(command);
    }
  }

  /** In the order in which they were added. @returns {readonly Command[]} */
  get commands() {
    return this.#commands;
  }

  /**
   * The command that an event asks for, or null: with Ctrl, Alt or Meta a key is the browser's, and what has the focus keeps its own.
   * @param {Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'altKey' | 'metaKey' | 'defaultPrevented'>} event
   * @param {'text' | 'button' | 'other'} focus what the focus is on
   */
  commandFor({ key, ctrlKey, altKey, metaKey, defaultPrevented }, focus) {
    const taken = focus === 'text' || (focus === 'button' && (key === ' ' || key === 'Enter'));
    if (ctrlKey || altKey || metaKey || defaultPrevented || taken) {
      return null;
    }
    return this.#byKey.get(key.length === 1 ? key.toLowerCase() : key) ?? null;
  }
}

/** How the help writes a key. @param {string} key */
export function keyText(key) {
  return NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);
}
