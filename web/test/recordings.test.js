import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Recordings, goesOn, hasFootage, lengthText, recordingOf, stretchAround, titleOf } from '../markers/recordings.js';

const NOW = Date.parse('2026-11-20T16:00:00Z');
const iso = (/** @type {number} */ ms) => new Date(ms).toISOString();
/** @param {number} n @param {object} more */
const listed = (n, more = {}) => ({
  id: `recording-${n}`, camera: 'cam', name: null, from: iso(NOW + n * 1000), to: iso(NOW + n * 1000 + 500), protect: true,
  file: `api/recordings/recording-${n}.mp4?camera=cam`, ...more,
});

/** A server that has some, and what it was asked. @param {...any} all */
function served(...all) {
  /** @type {string[]} */
  const asked = [];
  /** @type {string[]} */
  const told = [];
  /** @type {(() => void)[]} */
  const waits = [];
  const state = { all, refusal: /** @type {string | null} */ (null) };
  const fetch = async (/** @type {any} */ url, /** @type {any} */ { method, body }) => {
    asked.push(`${method} ${url}${body === undefined ? '' : ` ${body}`}`);
    if (state.refusal !== null && method !== 'GET') {
      return new Response(`${state.refusal}\n`, { status: 503 });
    }
    const id = /recordings\/([^?]+)/.exec(url)?.[1];
    if (method === 'DELETE') {
      state.all = state.all.filter((one) => one.id !== id);
      return new Response(null, { status: 204 });
    }
    if (method === 'PATCH') {
      state.all = state.all.map((one) => (one.id === id ? { ...one, ...JSON.parse(body) } : one));
      return Response.json(state.all.find((one) => one.id === id));
    }
    if (method === 'POST') {
      state.all = [...state.all, listed(state.all.length + 1, JSON.parse(body))];
      return Response.json(state.all.at(-1), { status: 201 });
    }
    return Response.json({ recordings: state.all });
  };
  const later = (/** @type {() => void} */ done) => waits.push(done);
  const recordings = new Recordings({ camera: 'cam', tell: (text) => void told.push(text), fetch: /** @type {any} */ (fetch), later });
  return { asked, told, state, recordings, ids: () => recordings.all.map(({ id }) => id), wait: () => (waits.splice(0).forEach((done) => done()), settle()) };
}
const settle = () => new Promise((done) => setImmediate(done));

test('the_list_is_newest_first_and_follows_the_events_of_recordings', async () => {
  const { recordings, state, ids } = served(listed(1), listed(2));
  recordings.hooks.connected();
  await settle();
  assert.deepEqual(ids(), ['recording-2', 'recording-1']);
  state.all.push(listed(3));
  recordings.hooks.event('marker-begin', {});
  await settle();
  assert.deepEqual(ids(), ['recording-2', 'recording-1']);
  recordings.hooks.event('recording-begin', {});
  await settle();
  assert.deepEqual(ids(), ['recording-3', 'recording-2', 'recording-1']);
});

test('what_is_kept_or_changed_is_in_the_list_at_once', async () => {
  const { recordings, asked, ids } = served();
  assert.equal(await recordings.keep(NOW - 30_000, NOW), true);
  assert.deepEqual(ids(), ['recording-1']);
  await recordings.edit('recording-1', { name: 'door' });
  assert.equal(recordings.all[0].name, 'door');
  assert.deepEqual(asked, [
    'POST api/recordings?camera=cam {"from":"2026-11-20T15:59:30.000Z","to":"2026-11-20T16:00:00.000Z"}',
    'PATCH api/recordings/recording-1?camera=cam {"name":"door"}',
  ]);
});

test('a_deleted_one_can_be_had_back_until_the_server_is_told', async () => {
  const { recordings, asked, state, ids, wait } = served(listed(1), listed(2));
  await recordings.refresh();
  recordings.remove('recording-1');
  assert.deepEqual([recordings.isDeleted('recording-1'), ids().length, recordings.kept.length], [true, 2, 1]);
  recordings.restore('recording-1');
  await wait();
  assert.deepEqual([recordings.isDeleted('recording-1'), asked.length, recordings.kept.length], [false, 1, 2]);
  // The wait of a wish that was taken back is not that of the next.
  recordings.remove('recording-1');
  await wait();
  assert.deepEqual([ids(), state.all.length, asked.at(-1)], [['recording-2'], 1, 'DELETE api/recordings/recording-1?camera=cam']);
});

test('a_page_that_goes_tells_the_server_what_it_has_deleted', async () => {
  const { recordings, state } = served(listed(1));
  await recordings.refresh();
  recordings.remove('recording-1');
  recordings.leave();
  await settle();
  assert.deepEqual(state.all, []);
});

test('what_somebody_else_has_deleted_is_not_deleted_again', async () => {
  const { recordings, state, asked, told, wait } = served(listed(1));
  await recordings.refresh();
  recordings.remove('recording-1');
  state.all = [];
  await recordings.refresh();
  await wait();
  assert.deepEqual([asked.filter((line) => line.startsWith('DELETE')), told], [[], []]);
});

test('a_refusal_is_told_in_the_servers_own_words_and_changes_nothing', async () => {
  const { recordings, state, told, ids, wait } = served(listed(1));
  await recordings.refresh();
  state.refusal = 'the disk is full';
  assert.equal(await recordings.edit('recording-1', { protect: false }), false);
  recordings.remove('recording-1');
  await wait();
  assert.deepEqual([told, ids(), recordings.isDeleted('recording-1')], [['the disk is full', 'the disk is full'], ['recording-1'], false]);
});

test('what_is_protected_is_kept_and_one_that_goes_on_has_no_end', async () => {
  const { recordings } = served(listed(1, { to: null }), listed(2, { protect: false }));
  await recordings.refresh();
  assert.deepEqual(recordings.kept, [{ from: NOW + 1000, to: Infinity }]);
});

/** @type {[string, object, number | null, string][]} */
const LENGTHS = [
  ['ended', { from: iso(NOW - 90_000), to: iso(NOW - 60_000) }, null, '30 s'],
  ['goes on', { to: null }, null, 'now'],
  ['ends in a while', { from: iso(NOW), to: iso(NOW + 5000) }, null, 'now'],
  ['its footage is gone', { from: iso(NOW - 90_000), to: iso(NOW - 60_000) }, NOW - 50_000, 'no footage any more'],
  ['some of it is there', { from: iso(NOW - 90_000), to: iso(NOW - 60_000) }, NOW - 70_000, '30 s'],
];
for (const [name, fields, oldest, expected] of LENGTHS) {
  test(`length of a recording: ${name}`, () => assert.equal(lengthText(recordingOf(listed(0, fields)), NOW, oldest), expected));
}

test('a_recording_is_called_by_its_name_or_else_by_its_time', () => {
  const today = new Date(NOW);
  assert.equal(titleOf(recordingOf(listed(0, { name: 'door' })), today), 'door');
  assert.equal(titleOf(recordingOf(listed(0)), today), new Date(NOW).toLocaleTimeString());
  assert.deepEqual([goesOn(recordingOf(listed(0)), NOW), goesOn(recordingOf(listed(0)), NOW + 500)], [true, false]);
  assert.equal(hasFootage(recordingOf(listed(0, { to: null })), NOW + 1000), true);
});

/** @type {[string, number, boolean, [number, number]][]} */
const STRETCHES = [
  ['live', 100_000.4, true, [70_001, 100_001]],
  ['live with little past', 20_000, true, [1000, 20_000]],
  ['in the past', 60_000, false, [45_000, 75_000]],
  ['in the past near its end', 95_000, false, [70_000, 100_000]],
  ['at the oldest', 1000, false, [1000, 16_000]],
];
for (const [name, at, following, [from, to]] of STRETCHES) {
  test(`what is kept: ${name}`, () => assert.deepEqual(stretchAround(at, following, { startMs: 1000, endMs: 100_000 }), { from, to }));
}
