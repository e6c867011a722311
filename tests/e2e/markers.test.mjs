// Markers in a real browser: those of the detector and those of the API, on the bar, in the list, and as a way back. One server for all.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIVE_MS, NOTICE_MS, onPage, readStrip, screenshot, until, untilState, withOneServer } from './support.mjs';

/** A jump goes to this long before the beginning of a marker. */
const BEFORE_MS = 2000;
/** A frame of 10 per second, and half of one for the grid. */
const FRAME_ERROR_MS = 100 + 50;

let browser;
let server;
withOneServer((started) => ({ browser, server } = started));

/** A test with a page of its own that is live. */
function markersTest(name, options, body) {
  test(name, { timeout: 240_000 }, () =>
    onPage({ name, browser, server, url: server.url, ...options }, async (opened) => {
      await untilState(opened.page, ['live'], LIVE_MS);
      await body(opened);
      assert.deepEqual(opened.seen.violations, [], 'no violation of the content security policy');
    }));
}

/** Adds a marker by the API, as another program would. */
async function post(marker) {
  const response = await fetch(new URL('api/markers', server.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(marker),
  });
  assert.equal(response.status, 201, await response.clone().text());
  return response.json();
}

const itemOf = (page, text) => page.locator('#markers li', { hasText: text });

/** How many pixels of the bar have the colour of a kind. */
function pixelsOf(page, kind) {
  return page.evaluate((n) => {
    const canvas = document.getElementById('seek-drawing');
    const [r, g, b] = getComputedStyle(canvas).getPropertyValue(`--kind-${n}`).trim().match(/[0-9a-f]{2}/gi).map((hex) => parseInt(hex, 16));
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) {
      count += Number(data[at] === r && data[at + 1] === g && data[at + 2] === b);
    }
    return count;
  }, kind);
}

markersTest('a_face_that_the_detector_finds_appears_by_itself_on_bar_and_list', {}, async ({ page }) => {
  await itemOf(page, 'Face').first().waitFor({ timeout: LIVE_MS });
  await until('it is drawn on the bar', async () => {
    const seen = await pixelsOf(page, 0);
    return { done: seen > 0, seen };
  }, NOTICE_MS);
});

markersTest('a_marker_posted_by_another_program_appears_is_highlighted_and_leads_to_its_moment', {}, async ({ page }) => {
  await page.keyboard.press('k');
  await untilState(page, ['paused'], NOTICE_MS);
  const begin = Date.now() - 5000;
  const { id } = await post({ kind: 'motion', text: 'the gate opened', begin: new Date(begin).toISOString(), end: new Date(begin + 1500).toISOString() });
  const item = itemOf(page, 'the gate opened');
  await item.waitFor({ timeout: NOTICE_MS });
  assert.match(await item.getAttribute('class'), /news/);
  assert.match(await item.textContent(), /Motion.*1\.5 s/s);
  await until('it is drawn on the bar', async () => {
    const seen = await pixelsOf(page, 2);
    return { done: seen > 0, seen };
  }, NOTICE_MS);
  await item.getByRole('button').click();
  await until('the picture is that of two seconds before', async () => {
    const strip = await readStrip(page);
    const offMs = strip && strip.capturedMs - (begin - BEFORE_MS);
    return { done: offMs !== null && Math.abs(offMs) <= FRAME_ERROR_MS, seen: offMs };
  }, NOTICE_MS);
  await until('it has a picture', async () => {
    const strip = await item.locator('canvas').evaluate((canvas) => canvas.width > 16);
    return { done: strip };
  }, NOTICE_MS);
  await screenshot(page, 'markers');
  const response = await fetch(new URL(`api/markers/${id}`, server.url), { method: 'DELETE' });
  assert.equal(response.status, 204);
  await item.waitFor({ state: 'detached', timeout: NOTICE_MS });
});

markersTest('a_note_at_the_moment_shown_is_kept_with_its_text', {}, async ({ page }) => {
  await page.keyboard.press('k');
  await untilState(page, ['paused'], NOTICE_MS);
  // A seek ends on its frame; a pause can leave the clock a little ahead of what is still on the screen.
  await page.keyboard.press('ArrowLeft');
  await until('it stands still', async () => ({ done: await page.evaluate(() => !document.getElementById('video').seeking) }), NOTICE_MS);
  const { capturedMs } = await readStrip(page);
  await page.getByRole('button', { name: 'Add a note' }).click();
  await page.getByLabel('Text of the note').fill('<b>the parcel</b> & more');
  await page.keyboard.press('Enter');
  const item = itemOf(page, '<b>the parcel</b> & more');
  await item.waitFor({ timeout: NOTICE_MS });
  const { markers } = await (await fetch(new URL('api/markers?kind=note', server.url))).json();
  const kept = markers.find(({ text }) => text.includes('the parcel'));
  assert.ok(Math.abs(Date.parse(kept.begin) - capturedMs) <= FRAME_ERROR_MS, `${kept.begin} for ${new Date(capturedMs).toISOString()}`);
  assert.equal(kept.begin, kept.end, 'a note has no length');
});

markersTest('kinds_can_be_hidden_and_shown', {}, async ({ page }) => {
  await post({ kind: 'note', text: 'hide me', begin: new Date().toISOString(), end: new Date().toISOString() });
  await itemOf(page, 'hide me').waitFor({ timeout: NOTICE_MS });
  const chip = page.getByRole('button', { name: /^Note \d+$/ });
  await chip.click();
  assert.equal(await chip.getAttribute('aria-pressed'), 'false');
  await itemOf(page, 'hide me').waitFor({ state: 'detached', timeout: NOTICE_MS });
  await chip.click();
  await itemOf(page, 'hide me').waitFor({ timeout: NOTICE_MS });
});
