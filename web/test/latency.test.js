import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatencyController } from '../player/latency.js';

const PART = 0.2;
const STEP = 0.1;

/**
 * A player in a world where part n ends at media time (n + 1) * PART and arrives `late(n)` after it. Media time 0 is at clock 0.
 * @param {{behind: number, seconds: number, late?: (n: number) => number, controller?: LatencyController}} world `behind`: distance
 *   of the playhead from the media's true time at the join
 */
function run({ behind, seconds, late = () => 0.02, controller = new LatencyController() }) {
  const START = 100;
  let [position, end, rate, next] = [START - behind, START - PART, 1, START / PART - 1];
  const trail = [];
  for (let now = START; now < START + seconds; now = Number((now + STEP).toFixed(3))) {
    while ((next + 1) * PART + late(next) <= now) {
      end = (next + 1) * PART;
      controller.partArrived({ now: end + late(next), end, duration: PART, newest: true });
      next += 1;
    }
    const decision = controller.decide({ now, position, end });
    position = decision.seekTo ?? position;
    rate = decision.rate;
    trail.push({ at: now - START, latency: now - position, rate, ahead: end - position, seek: decision.seekTo !== null, lead: controller.lead });
    position = Math.min(end, position + rate * STEP);
  }
  return trail;
}

test('settles_within_3_s_of_a_join_wherever_the_player_began', () => {
  for (const behind of [0.45, 0.7, 1.03, 2.5, 6]) {
    const trail = run({ behind, seconds: 10 });
    for (const { at, latency } of trail.filter(({ at }) => at >= 3)) {
      assert.ok(Math.abs(latency - 0.5) < 0.06, `began ${behind} s behind: ${latency.toFixed(3)} s after ${at.toFixed(1)} s`);
    }
    assert.ok(trail.filter(({ seek }) => seek).length <= 1, `one seek at most, began ${behind} s behind`);
  }
});

test('the_buffer_never_runs_dry_on_a_quiet_network', () => {
  const trail = run({ behind: 1, seconds: 120 });
  assert.ok(Math.min(...trail.slice(10).map(({ ahead }) => ahead)) > 0.15);
});

test('the_lead_begins_at_one_and_a_half_parts_and_sinks_to_one_when_parts_come_evenly', () => {
  const trail = run({ behind: 1, seconds: 90 });
  assert.ok(Math.abs(trail[2].lead - 0.3) < 0.01, String(trail[2].lead));
  assert.ok(Math.abs((trail.at(-1)?.lead ?? 0) - 0.2) < 0.005, String(trail.at(-1)?.lead));
});

test('the_lead_rises_at_once_with_the_lateness_of_a_part', () => {
  const trail = run({ behind: 1, seconds: 30, late: (n) => (n === 520 ? 0.32 : 0.02) });
  const after = trail.find(({ at }) => at > 4.7);
  assert.ok(Math.abs((after?.lead ?? 0) - 0.4) < 0.02, String(after?.lead));
});

test('an_uneven_network_does_not_stall_once_it_is_known', () => {
  // Lateness of up to 0.25 s without a pattern that a part could follow.
  const late = (/** @type {number} */ n) => 0.02 + 0.25 * (((n * 7919) % 97) / 97);
  const trail = run({ behind: 1, seconds: 60, late });
  assert.ok(Math.min(...trail.filter(({ at }) => at > 5).map(({ ahead }) => ahead)) > 0.01);
});

test('rates_stay_between_0_95_and_1_08', () => {
  for (const behind of [0.3, 0.65, 1.2]) {
    for (const { rate } of run({ behind, seconds: 20 })) {
      assert.ok(rate >= 0.95 && rate <= 1.08, String(rate));
    }
  }
});

test('a_settled_player_keeps_the_rate_at_1_nearly_always', () => {
  const settled = run({ behind: 0.5, seconds: 120 }).slice(900);
  assert.ok(settled.filter(({ rate }) => rate !== 1).length < settled.length / 10);
});

test('a_long_outage_raises_the_lead_to_its_ceiling_only_and_is_forgotten_within_two_minutes', () => {
  const trail = run({ behind: 1, seconds: 180, late: (n) => (n >= 525 && n < 550 ? (550 - n) * PART : 0.02) });
  assert.ok(Math.max(...trail.map(({ lead }) => lead)) <= 1);
  assert.ok((trail.at(-1)?.latency ?? 9) < 0.55, String(trail.at(-1)?.latency));
});

test('a_player_far_behind_seeks_once_and_not_beyond_its_buffer', () => {
  const controller = new LatencyController();
  for (let n = 0; n < 5; n += 1) {
    controller.partArrived({ now: 100 + n * PART, end: 100 + n * PART, duration: PART, newest: true });
  }
  assert.deepEqual(controller.decide({ now: 100.9, position: 100.4, end: 100.8 }), { rate: 1, seekTo: null });
  const far = controller.decide({ now: 110, position: 100.4, end: 105 });
  assert.deepEqual(far, { rate: 1, seekTo: 104.9 });
  assert.equal(controller.decide({ now: 110.5, position: 100.5, end: 105 }).seekTo, null);
});

test('nothing_is_done_before_the_edge_is_reached', () => {
  const controller = new LatencyController();
  for (let n = 0; n < 20; n += 1) {
    controller.partArrived({ now: 100, end: 80 + n * PART, duration: PART, newest: false });
  }
  assert.deepEqual(controller.decide({ now: 100, position: 80, end: 84 }), { rate: 1, seekTo: null });
  assert.equal(controller.lead, 0);
});

test('a_stall_gives_half_a_part_more_room', () => {
  const controller = new LatencyController();
  controller.partArrived({ now: 100, end: 100, duration: PART, newest: true });
  controller.stalled();
  assert.ok(Math.abs(controller.lead - 0.4) < 1e-9, String(controller.lead));
});

test('a_reset_keeps_what_was_learned_of_the_network', () => {
  const controller = new LatencyController();
  const before = run({ behind: 1, seconds: 20, late: (n) => (n === 560 ? 0.5 : 0.02), controller }).at(-1)?.lead ?? 0;
  controller.reset();
  assert.equal(controller.lead, before);
  assert.deepEqual(controller.decide({ now: 200, position: 150, end: 199 }), { rate: 1, seekTo: null });
});
