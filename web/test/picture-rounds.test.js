import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AT_ONCE, LIVE_MS, PER_SECOND, PictureRounds, columnsOf, tileOf } from '../shell/picture-rounds.js';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];

/** Plays a server that takes `tookMs` for each picture, and `never` answers for some; gives how often each camera was asked. */
function played(names, { forMs, tookMs, never = [] }) {
  const rounds = new PictureRounds();
  rounds.setCameras(names);
  const asked = new Map(names.map((name) => [name, 0]));
  let answers = [];
  let most = 0;
  for (let now = 0; now < forMs; now += 10) {
    answers.filter(({ at }) => at <= now).forEach(({ name, askedAt }) => rounds.answered(name, { askedAt, now, hasPicture: true }));
    answers = answers.filter(({ at }) => at > now);
    for (let name = rounds.next(now); name !== null; name = rounds.next(now)) {
      asked.set(name, asked.get(name) + 1);
      answers.push({ name, askedAt: now, at: never.includes(name) ? Infinity : now + tookMs });
      most = Math.max(most, answers.length);
    }
  }
  return { asked: [...asked.values()], most };
}

test('each_camera_has_its_turn_and_few_requests_are_under_way', () => {
  const { asked, most } = played(NAMES, { forMs: 9000, tookMs: 60 });
  assert.ok(Math.max(...asked) - Math.min(...asked) <= 1, String(asked));
  const sum = asked.reduce((a, b) => a + b);
  assert.ok(sum > 9 * PER_SECOND * 0.8 && sum <= 9 * PER_SECOND + NAMES.length, String(sum));
  assert.ok(most <= AT_ONCE);
});

test('a_slow_server_still_gives_all_in_turn', () => {
  const { asked } = played(NAMES, { forMs: 9000, tookMs: 500 });
  assert.ok(Math.max(...asked) - Math.min(...asked) <= 1, String(asked));
});

test('one_that_never_answers_costs_its_own_picture_alone', () => {
  const { asked } = played(NAMES.slice(0, 4), { forMs: 4000, tookMs: 60, never: ['b'] });
  assert.equal(asked[1], 1);
  assert.ok([0, 2, 3].every((at) => asked[at] >= 12), String(asked));
});

test('a_camera_without_a_picture_is_asked_less_often', () => {
  const rounds = new PictureRounds();
  rounds.setCameras(['a']);
  assert.equal(rounds.next(0), 'a');
  rounds.answered('a', { askedAt: 0, now: 5, hasPicture: false });
  assert.deepEqual([rounds.next(900), rounds.next(1100), rounds.pictureOf('a', 1100)], [null, 'a', 'none']);
  rounds.answered('gone', { askedAt: 0, now: 5, hasPicture: true });
});

test('a_picture_is_new_for_a_while', () => {
  const rounds = new PictureRounds();
  rounds.setCameras(['a']);
  rounds.next(0);
  rounds.answered('a', { askedAt: 0, now: 50, hasPicture: true });
  assert.deepEqual([rounds.pictureOf('a', 60), rounds.pictureOf('a', LIVE_MS)], ['new', 'old']);
  rounds.setCameras(['a', 'b']);
  assert.deepEqual([rounds.pictureOf('a', 60), rounds.pictureOf('b', 60)], ['new', 'none']);
});

test('pictures_are_laid_out_by_their_number', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 9, 10, 16].map(columnsOf), [1, 1, 2, 2, 2, 3, 3, 4, 4]);
});

test('a_tile_says_what_there_is_to_see', () => {
  const told = (picture, state, reason = null) => Object.values(tileOf({ picture, state, reason }));
  assert.deepEqual(told('none', 'live'), ['connecting', 'Waiting for the picture.']);
  assert.deepEqual(told('new', 'live'), ['live', 'Live']);
  assert.deepEqual(told('old', 'live'), ['late', 'The picture comes late.']);
  assert.deepEqual(told('new', 'lost', 'the source is gone'), ['absent', 'The source is gone.']);
});
