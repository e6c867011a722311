import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Past } from '../player/past.js';

const WINDOW = { startMs: 1000, endMs: 9000 };

test('after_a_failure_the_past_goes_on_where_it_was', () => {
  const past = new Past();
  past.shown(4000);
  past.begin(false);
  past.shown(8900);
  assert.equal(past.goesTo(null), null, 'nothing is known yet');
  assert.equal(past.goesTo(WINDOW), 4000, 'the live edge at which the engine began does not count');
  assert.equal(past.goesTo(WINDOW), null, 'told once');
});

test('after_a_restart_that_lost_the_past_live_is_next', () => {
  for (const ms of [null, 500, 9500]) {
    const past = new Past();
    past.shown(ms);
    past.begin(false);
    assert.equal(past.goesTo(WINDOW), 'live', String(ms));
  }
});

test('who_watches_live_is_sent_nowhere', () => {
  const past = new Past();
  past.shown(null);
  past.begin(true);
  assert.equal(past.goesTo(WINDOW), null);
});

test('a_held_picture_stays_with_the_next_engine_until_live_is_wanted', () => {
  const past = new Past();
  past.shown(4000);
  past.begin(true);
  assert.equal(past.goesTo(WINDOW), 4000);
  past.begin(true);
  past.forget();
  assert.equal(past.goesTo(WINDOW), null, 'live was asked for before the window was known');
});
