import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ThinLink } from '../shell/thin-link.js';

const STEP_MS = 500;
/** The time of the server at the steady clock's zero. */
const SERVER_MS = 1.8e12;

/**
 * What is said after so long of a link on which media comes at a rate; it begins `behindMs` late.
 * @param {ThinLink} link
 * @param {{rate: number, fromMs?: number, forMs: number, behindMs?: number}} of
 */
function watched(link, { rate, fromMs = 0, forMs, behindMs = 500 }) {
  let thin = false;
  for (let at = 0; at <= forMs; at += STEP_MS) {
    const newestMs = SERVER_MS + fromMs - behindMs + at * rate;
    thin = link.look({ at: fromMs + at, newestMs, serverMs: SERVER_MS + fromMs + at });
  }
  return thin;
}

test('a_link_is_thin_when_less_comes_than_is_made_and_the_newest_is_old', () => {
  assert.equal(watched(new ThinLink(), { rate: 1, forMs: 60_000 }), false);
  assert.equal(watched(new ThinLink(), { rate: 1, forMs: 60_000, behindMs: 8000 }), false, 'far, not thin');
  assert.equal(watched(new ThinLink(), { rate: 0.5, forMs: 5000 }), false, 'too early to say');
  assert.equal(watched(new ThinLink(), { rate: 0.5, forMs: 15_000 }), true);
  assert.equal(watched(new ThinLink(), { rate: 0.9, forMs: 30_000 }), false, 'it can be made up for');
});

test('a_link_on_which_nothing_comes_is_thin_and_one_that_is_forgotten_is_not', () => {
  const link = new ThinLink();
  const look = (/** @type {number} */ at) => link.look({ at, newestMs: null, serverMs: SERVER_MS + at });
  assert.deepEqual([look(0), look(5000), look(10_000)], [false, false, true]);
  link.reset();
  assert.equal(look(10_500), false);
});

test('a_link_is_wide_again_when_as_much_comes_as_is_made', () => {
  const link = new ThinLink();
  assert.equal(watched(link, { rate: 0.3, forMs: 20_000 }), true);
  assert.equal(watched(link, { rate: 1, fromMs: 20_500, forMs: 15_000, behindMs: 14_000 }), false);
});
