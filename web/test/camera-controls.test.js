import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CameraControls } from '../shell/camera-controls.js';

const BRIGHTNESS = { name: 'brightness', label: 'Brightness', kind: 'integer', min: 0, max: 255, step: 1, default: 128, value: 128, active: true };
const AUTO = { name: 'gain_automatic', label: 'Gain, Automatic', kind: 'switch', default: true, value: true, active: true };
const GAIN = { name: 'gain', label: 'Gain', kind: 'integer', min: 0, max: 9, step: 1, default: 5, value: 5, active: false };

/** A camera whose answers wait until they are let go, and what it was asked. */
function camera() {
  /** @type {string[]} */
  const asked = [];
  /** @type {string[]} */
  const told = [];
  /** @type {(() => void)[]} */
  const held = [];
  const state = { all: [BRIGHTNESS, AUTO, GAIN].map((one) => ({ ...one })), status: 200, isHeld: false };
  const fetch = async (/** @type {any} */ url, /** @type {any} */ { method = 'GET', body }) => {
    asked.push(`${method} ${url}${body === undefined ? '' : ` ${body}`}`);
    if (state.isHeld) {
      await new Promise((go) => held.push(() => go(undefined)));
    }
    if (state.status !== 200) {
      return new Response('brightness takes a whole number from 0 to 255\n', { status: state.status });
    }
    const changes = body === undefined ? {} : JSON.parse(body);
    state.all.forEach((one) => void (one.name in changes && (one.value = changes[one.name])));
    state.all[2].active = state.all[1].value === false;
    return Response.json({ controls: state.all });
  };
  const controls = new CameraControls({ camera: 'porch', fetch: /** @type {any} */ (fetch), tell: (text) => void told.push(text) });
  const values = () => controls.all.map(({ value }) => value);
  return { asked, told, state, controls, values, letGo: () => held.splice(0).forEach((go) => go()) };
}
const settle = () => new Promise((done) => setImmediate(done));

test('the_list_is_that_of_the_server_and_empty_where_nothing_can_be_set', async () => {
  const { controls, values, state } = camera();
  await controls.refresh();
  assert.deepEqual(values(), [128, true, 5]);
  state.status = 409;
  await controls.refresh();
  assert.deepEqual(controls.all, []);
});

test('of_values_that_come_too_fast_the_newest_is_set', async () => {
  const { controls, asked, state, values, letGo } = camera();
  await controls.refresh();
  state.isHeld = true;
  const set = controls.set('brightness', 1);
  void controls.set('brightness', 2);
  void controls.set('gain_automatic', false);
  void controls.set('brightness', 3);
  letGo();
  await settle();
  letGo();
  await set;
  const at = 'PUT api/cameras/porch/controls';
  assert.deepEqual(asked.slice(1), [`${at} {"brightness":1}`, `${at} {"brightness":3,"gain_automatic":false}`]);
  assert.deepEqual(values(), [3, false, 5]);
});

test('a_refusal_is_told_in_the_words_of_the_server_and_nothing_is_changed', async () => {
  const { controls, told, state, values } = camera();
  await controls.refresh();
  const { version } = controls;
  state.status = 400;
  await controls.set('brightness', 300);
  assert.deepEqual(told, ['brightness takes a whole number from 0 to 255']);
  assert.deepEqual(values(), [128, true, 5]);
  assert.ok(controls.version > version, 'what is shown is what is');
});

test('an_answer_about_before_does_not_undo_what_is_being_set', async () => {
  const { controls, state, values, letGo } = camera();
  await controls.refresh();
  state.isHeld = true;
  const refresh = controls.refresh();
  const set = controls.set('brightness', 9);
  letGo();
  await Promise.all([refresh, set]);
  assert.deepEqual(values(), [9, true, 5]);
});

test('the_defaults_are_set_first_of_what_switches', async () => {
  const { controls, asked, values } = camera();
  await controls.refresh();
  await controls.set('gain_automatic', false);
  await controls.set('gain', 9);
  await controls.set('brightness', 1);
  asked.length = 0;
  await controls.reset();
  const at = 'PUT api/cameras/porch/controls';
  assert.deepEqual(asked, [`${at} {"gain_automatic":true}`, `${at} {"brightness":128}`]);
  assert.deepEqual(values(), [128, true, 9]);
});

test('a_camera_that_is_gone_has_none_until_it_is_asked_again', async () => {
  const { controls, values } = camera();
  await controls.refresh();
  controls.forget();
  assert.deepEqual(controls.all, []);
  await controls.refresh();
  assert.deepEqual(values(), [128, true, 5]);
});
