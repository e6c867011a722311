import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyMap, keyText } from '../shell/keys.js';

const PLAIN = { ctrlKey: false, altKey: false, metaKey: false, defaultPrevented: false };

function map() {
  const keys = new KeyMap();
  keys.add({ keys: [' ', 'k'], text: 'Play', run: () => {} }, { keys: ['ArrowLeft'], text: 'Back', run: () => {} });
  return keys;
}

/** @type {[string, Partial<KeyboardEvent>, 'text' | 'button' | 'other', string | undefined][]} */
const CASES = [
  ['a letter', { key: 'k' }, 'other', 'Play'],
  ['a letter in capitals', { key: 'K' }, 'other', 'Play'],
  ['space', { key: ' ' }, 'other', 'Play'],
  ['a named key', { key: 'ArrowLeft' }, 'button', 'Back'],
  ['space on a button', { key: ' ' }, 'button', undefined],
  ['a letter on a button', { key: 'k' }, 'button', 'Play'],
  ['a letter that is typed', { key: 'k' }, 'text', undefined],
  ['the browser’s own', { key: 'k', ctrlKey: true }, 'other', undefined],
  ['what somebody else has taken', { key: 'ArrowLeft', defaultPrevented: true }, 'other', undefined],
  ['a key without a command', { key: 'x' }, 'other', undefined],
];
for (const [name, event, focus, expected] of CASES) {
  test(`key: ${name}`, () => assert.equal(map().commandFor(/** @type {any} */ ({ ...PLAIN, ...event }), focus)?.text, expected));
}

test('a_key_has_one_command_only', () => {
  assert.throws(() => map().add({ keys: ['k'], text: 'Other', run: () => {} }), /the key k is taken: Play/);
});

test('commands_are_listed_in_the_order_of_their_adding', () => {
  assert.deepEqual(map().commands.map(({ text }) => text), ['Play', 'Back']);
});

test('keys_are_written_as_they_are_on_the_keyboard', () => {
  assert.deepEqual([' ', 'ArrowLeft', 'm', '?', 'Home'].map(keyText), ['Space', '←', 'M', '?', 'Home']);
});
