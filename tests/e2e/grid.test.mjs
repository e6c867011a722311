// The page of several cameras: all of them live side by side, and one of them alone.

import assert from 'node:assert/strict';
import { LIGHT, LIVE_MS, NOTICE_MS, pageTests, readStrip, screenshot, until, untilNewer, untilState } from './support.mjs';

const { pageTest } = pageTests();

const NAMES = ['desk', 'porch', 'yard', 'attic'];
/** Detection would cost what the pictures need. */
const own = (name) => ['--name', name, ...LIGHT, '--detect', 'none'];
const FOUR = { options: [...own(NAMES[0]), ...NAMES.slice(1).flatMap((name) => ['--device', 'test', ...own(name)])] };
/** The most that a picture of the grid may be behind. */
const AGE_MAX_MS = 2000;

const canvasOf = (name) => `[data-camera="${name}"] canvas`;

/** Waits until every picture is new, and newer than `than`; gives when each was captured. */
function untilAllAreLive(page, than = 0) {
  return until('every picture is new', async () => {
    const strips = await Promise.all(NAMES.map((name) => readStrip(page, canvasOf(name))));
    return {
      done: strips.every((strip) => strip !== null && strip.ageMs < AGE_MAX_MS && strip.capturedMs > than),
      seen: strips.map((strip) => strip && { capturedMs: strip.capturedMs, ageMs: strip.ageMs }),
    };
  }, LIVE_MS);
}

pageTest('four_cameras_are_live_side_by_side_and_each_has_a_page', { server: FOUR }, async ({ page, seen, running }) => {
  const first = await untilAllAreLive(page);
  await untilAllAreLive(page, Math.max(...first.map(({ capturedMs }) => capturedMs)) + AGE_MAX_MS);
  for (const name of NAMES) {
    await page.getByRole('link', { name: `${name} Live` }).waitFor({ timeout: NOTICE_MS });
  }
  await screenshot(page, 'grid');

  await page.getByRole('link', { name: /^porch/ }).press('Enter');
  await page.waitForURL(/\?camera=porch$/);
  await untilState(page, ['live'], LIVE_MS);
  await untilNewer(page, 0, LIVE_MS);
  assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'porch');
  // What happens there is heard of, and nothing of the others.
  const mark = (camera, kind) => fetch(new URL(`api/markers?camera=${camera}`, running.server.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ kind }),
  });
  await mark('desk', 'gate');
  await mark('porch', 'bell');
  const list = page.locator('#markers');
  await list.getByText('Bell', { exact: false }).first().waitFor({ timeout: NOTICE_MS });
  assert.equal(await list.getByText('Gate', { exact: false }).count(), 0);

  await page.getByRole('link', { name: 'All cameras' }).click();
  await page.waitForURL(running.server.url);
  await untilAllAreLive(page);
  assert.deepEqual([seen.violations, seen.console], [[], []]);
});
