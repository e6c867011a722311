// The order of the folders, and the size of what is in them.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const WEB = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
/** Each imports from itself and from those before it; `.` has the entries. */
const FOLDERS = ['shell', 'player', 'markers', 'timeline', 'send', '.'];
const ENTRIES = ['viewer.js', 'grid.js', 'send.js', 'shared-worker.js'];
const LINES_MAX = 300;

const modules = new Map(FOLDERS.flatMap((folder) => readdirSync(path.join(WEB, folder))
  .filter((name) => name.endsWith('.js'))
  .map((name) => path.join(folder, name))
  .map((name) => [name, readFileSync(path.join(WEB, name), 'utf8')])));

/** What a module imports, from web/. @param {string} name */
function importsOf(name) {
  const lines = (modules.get(name) ?? '').matchAll(/^import .* from '([^']+)';$/gm);
  return [...lines].map(([, from]) => path.join(path.dirname(name), from));
}

test('a_module_imports_from_its_own_folder_and_those_before_it', () => {
  const wrong = [...modules.keys()].flatMap((name) => importsOf(name)
    .filter((from) => FOLDERS.indexOf(path.dirname(from)) > FOLDERS.indexOf(path.dirname(name)))
    .map((from) => `${name} imports ${from}`));
  assert.deepEqual(wrong, []);
});

test('no_module_is_long', () => {
  const long = [...modules].map(([name, text]) => ({ name, lines: text.split('\n').length - 1 })).filter(({ lines }) => lines > LINES_MAX);
  assert.deepEqual(long, []);
});

test('every_module_is_needed', () => {
  const needed = new Set(ENTRIES);
  needed.forEach((name) => importsOf(name).forEach((from) => needed.add(from)));
  assert.deepEqual([...modules.keys()].filter((name) => !needed.has(name)), []);
});
