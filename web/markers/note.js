/**
 * The dialog that adds a note at the moment shown when it was opened.
 */

import { clockText } from '../shell/clock.js';
import { isBlank } from './marker-store.js';
import { byId, toast } from '../shell/page.js';

/**
 * @param {import('../player/player.js').Player} player
 * @param {import('./markers.js').Marks} marks
 * @returns {() => void} opens the dialog
 */
export function connectNote(player, marks) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('note'));
  const text = /** @type {HTMLInputElement} */ (byId('note-text'));
  let at = 0;
  const complain = (/** @type {string} */ why) => (byId('note-error').textContent = why);
  /** @type {HTMLFormElement} */ (byId('note-form')).onsubmit = async (event) => {
    event.preventDefault();
    if (isBlank(text.value)) {
      complain('A note needs a text.');
      text.focus();
      return;
    }
    const why = await marks.addNote(text.value.trim(), at);
    complain(why);
    if (why === '') {
      text.value = '';
      dialog.close();
      toast('Note added');
    }
  };
  byId('note-cancel').onclick = () => dialog.close();
  const open = () => {
    const shown = player.captureTime;
    if (shown !== null && !dialog.open) {
      at = Math.round(shown);
      byId('note-at').textContent = clockText(new Date(at), new Date());
      complain('');
      dialog.showModal();
    }
  };
  byId('add-note').onclick = open;
  return open;
}
