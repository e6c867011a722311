// Watching a player for a while, and the verdict.

import assert from 'node:assert/strict';
import { until } from '../e2e/support.mjs';

/** How long a player may look for its place, in the stream's time. Some begin at the newest picture and then step back to their distance. */
const SETTLE_MS = 5000;

/**
 * Waits for a picture and then until `watchedMs` more of the stream were shown; gives all strips seen, one per picture.
 * A picture never goes back in time once the player has settled: that would be a segment played twice.
 */
export async function watch(player, { startMs, watchedMs }) {
  const strips = [];
  const shownMs = () => (strips.at(-1)?.capturedMs ?? 0) - (strips[0]?.capturedMs ?? 0);
  const look = async (enough) => {
    const strip = await player.read();
    const last = strips.at(-1);
    if (strip && strip.number !== last?.number) {
      if (last && strip.capturedMs < last.capturedMs) {
        assert.ok(shownMs() < SETTLE_MS, `the picture goes back in time, from frame ${last.number} to ${strip.number}, after ${shownMs()} ms`);
        strips.length = 0;
      }
      strips.push(strip);
    }
    return { done: strips.length > 0 && enough(), seen: { pictures: strips.length, shownMs: shownMs(), last: strips.at(-1), errors: await player.errors() } };
  };
  await until('a picture is shown', () => look(() => true), startMs);
  await until(`${watchedMs / 1000} s are shown`, () => look(() => shownMs() >= watchedMs), startMs + watchedMs * 2);
  assert.deepEqual(await player.errors(), [], 'the player reports no error');
  return strips;
}

/** How old the picture is, in ms: the median of the second half, when what the player did to begin is over. */
export function latencyMs(strips) {
  const ages = strips.slice(Math.floor(strips.length / 2)).map(({ ageMs }) => ageMs).sort((a, b) => a - b);
  return ages[Math.floor(ages.length / 2)];
}

/** Fails when two players were shown another capture time for the same frame. */
export function assertSameClock(watched) {
  const seen = new Map();
  let shared = 0;
  for (const { player, strips } of watched) {
    for (const { number, capturedMs } of strips) {
      const other = seen.get(number);
      if (other) {
        shared += 1;
        assert.equal(capturedMs, other.capturedMs, `frame ${number} has one capture time in ${player} and another in ${other.player}`);
      } else {
        seen.set(number, { capturedMs, player });
      }
    }
  }
  return shared;
}
