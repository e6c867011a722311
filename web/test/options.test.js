import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optionsOf } from '../shell/options.js';

/** @type {[string, import('../shell/options.js').Options][]} */
const CASES = [
  ['', { mode: 'page', player: 'hls' }],
  ['?embed', { mode: 'embed', player: 'hls' }],
  ['?embed=1&player=dash', { mode: 'embed', player: 'dash' }],
  ['?kiosk', { mode: 'kiosk', player: 'hls' }],
  ['?kiosk&embed', { mode: 'kiosk', player: 'hls' }],
  ['?player=flash&x=y', { mode: 'page', player: 'hls' }],
];
for (const [search, expected] of CASES) {
  test(`options: ${search || 'none'}`, () => assert.deepEqual(optionsOf(search), expected));
}
