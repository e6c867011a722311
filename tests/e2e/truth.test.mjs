// What the page says is so: of links, of lists, of what goes on, and of where one is after a failure.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  LIGHT, LIVE_MS, NOTICE_MS, RETURN_MS, endServer, onPage, pageSays, pageTests, readStrip, screenshot, startServer, until, untilNewer, untilPast,
  untilState, withOneServer,
} from './support.mjs';

/** A frame of 10 per second, and half of one for the grid. */
const FRAME_ERROR_MS = 100 + 50;
/** No live picture is that old, and the beginning is older: see `withOneServer`. */
const PAST_MS = 8000;

let browser;
let server;
withOneServer((started) => ({ browser, server } = started));

/** A test with a page of its own, on the server of all. */
function truthTest(name, { hash = '', ...options }, body) {
  test(name, { timeout: 240_000 }, () =>
    onPage({ name, browser, server, url: new URL(hash, server.url).href, ...options }, async ({ page }) => {
      await untilState(page, ['live', 'behind'], LIVE_MS);
      await body(page);
    }));
}

const { pageTest } = pageTests();

const link = (ms) => `#t=${new Date(ms).toISOString()}`;
const itemOf = (page, text) => page.locator('#markers li', { hasText: text });
const hashOf = (page) => page.evaluate(() => location.hash);

async function post(url, marker) {
  const response = await fetch(new URL('api/markers', url), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(marker) });
  return { status: response.status, body: await response.text() };
}

for (const hash of ['#t=2026-02-30T05:51:55Z', '#t=yesterday', '#t=']) {
  test(`a_link_that_cannot_be_read_is_told_${hash.slice(3, 7)}`, { timeout: 120_000 }, () =>
    onPage({ name: 'unreadable', browser, server, url: new URL(hash, server.url).href }, async ({ page }) => {
      await page.getByText('The moment that this link names cannot be read').waitFor({ timeout: NOTICE_MS });
      await untilState(page, ['live'], LIVE_MS);
    }));
}

truthTest('a_page_that_is_live_again_has_no_moment_in_its_address', {}, async (page) => {
  const back = [
    () => page.getByRole('button', { name: 'Jump to live' }).click(),
    () => page.keyboard.press('End'),
    () => page.getByLabel('Speed').selectOption('4'),
  ];
  for (const jump of back) {
    await page.evaluate((hash) => (location.hash = hash), link(Date.now() - 8000));
    await untilState(page, ['behind'], NOTICE_MS);
    assert.match(await hashOf(page), /^#t=/);
    await jump();
    await untilState(page, ['live'], 20_000);
    assert.equal(await hashOf(page), '');
  }
  await page.evaluate((hash) => (location.hash = hash), link(Date.now() + 3_600_000));
  await page.getByText('That moment is yet to come; this is live').waitFor({ timeout: NOTICE_MS });
  assert.equal(await hashOf(page), '');
});

truthTest('a_note_that_says_nothing_is_not_written', {}, async (page) => {
  await page.keyboard.press('ArrowLeft');
  let posts = 0;
  page.on('request', (request) => (posts += Number(request.method() === 'POST')));
  await page.getByRole('button', { name: 'Add a note' }).click();
  for (const text of ['   ', '\u200b', '\u00a0\u2060 ']) {
    await page.getByLabel('Text of the note').fill(text);
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('A note needs a text.').waitFor({ timeout: NOTICE_MS });
  }
  assert.equal(posts, 0, 'the server was not asked');
  await page.getByLabel('Text of the note').fill(' something ');
  await page.keyboard.press('Enter');
  await itemOf(page, 'something').waitFor({ timeout: NOTICE_MS });
  const now = new Date().toISOString();
  for (const text of ['', '  ', '\u200b']) {
    const { status, body } = await post(server.url, { kind: 'note', text, begin: now, end: now });
    assert.deepEqual([status, body], [400, 'a note needs a text; send one that says something\n']);
  }
});

truthTest('a_list_whose_kinds_are_hidden_does_not_say_that_nothing_was_marked', {}, async (page) => {
  const now = new Date().toISOString();
  await post(server.url, { kind: 'note', text: 'one', begin: now, end: now });
  await itemOf(page, 'one').first().waitFor({ timeout: NOTICE_MS });
  for (const chip of await page.locator('#kinds button').all()) {
    await chip.click();
  }
  const nothing = page.locator('#markers .nothing');
  await nothing.waitFor();
  assert.equal(await nothing.textContent(), 'All that was marked in this stretch is of kinds that are hidden.');
  await screenshot(page, 'kinds-hidden');
  await page.locator('#kinds button').first().click();
  await nothing.waitFor({ state: 'hidden' });
});

truthTest('the_picture_of_a_marker_was_captured_while_it_lasted', {}, async (page) => {
  await page.evaluate(drawsLate);
  const now = Date.now();
  // Beginnings at all distances from the key frames, which are a second apart.
  const begins = [0, 200, 400, 600, 800].map((ms) => now - 8000 + ms);
  for (const [n, begin] of begins.entries()) {
    const { status, body } = await post(server.url, { kind: 'motion', text: `moved ${n}`, begin: new Date(begin).toISOString(), end: new Date(begin + 1500).toISOString() });
    assert.equal(status, 201, body);
  }
  for (const [n, begin] of begins.entries()) {
    const item = itemOf(page, `moved ${n}`);
    await item.scrollIntoViewIfNeeded();
    await item.locator('canvas').evaluate((canvas, id) => (canvas.id = id), `picture-${n}`);
    const { capturedMs } = await until('it has a picture', async () => {
      const seen = await readStrip(page, `#picture-${n}`);
      return { done: seen !== null, seen };
    }, NOTICE_MS);
    assert.ok(capturedMs >= begin - FRAME_ERROR_MS && capturedMs <= begin + 1500 + FRAME_ERROR_MS, `${n}: ${capturedMs - begin} ms after it began`);
  }
});

/** As Chromium does on a busy machine: a video that has been sought draws nothing at first. Runs in the page. */
function drawsLate() {
  const { drawImage } = CanvasRenderingContext2D.prototype;
  const draws = new WeakMap();
  CanvasRenderingContext2D.prototype.drawImage = function (source, ...rest) {
    draws.set(source, (draws.get(source) ?? 0) + 1);
    if (!(source instanceof HTMLVideoElement) || source.isConnected || draws.get(source) > 3) {
      drawImage.call(this, source, ...rest);
    }
  };
}

truthTest('a_picture_of_a_marker_that_could_not_be_had_is_asked_for_again', {}, async (page) => {
  let failing = true;
  await page.route(/\/cam\/iframes\.m3u8/, (route) => (failing ? route.abort() : route.continue()));
  const begin = Date.now() - 5000;
  await post(server.url, { kind: 'motion', text: 'grey', begin: new Date(begin).toISOString(), end: new Date(begin + 1500).toISOString() });
  const asked = page.waitForRequest(/\/cam\/iframes\.m3u8/);
  await page.reload();
  await untilState(page, ['live'], LIVE_MS);
  await asked;
  const item = itemOf(page, 'grey');
  await item.scrollIntoViewIfNeeded();
  const drawn = () => item.locator('canvas').evaluate((canvas) => canvas.width > 16);
  // Longer than a picture is waited for.
  await until('it could not be had', async () => ({ done: Date.now() > begin + 5000 + 8000 }), 2 * NOTICE_MS);
  assert.equal(await drawn(), false);
  failing = false;
  await until('it has a picture', async () => ({ done: await drawn() }), RETURN_MS);
});

pageTest('what_goes_on_ends_with_the_camera', { server: { device: 'test:vanish@30s..110s', options: LIGHT } }, async ({ page, running }) => {
  await untilState(page, ['live'], LIVE_MS);
  const face = itemOf(page, 'Face').locator('.lasted').first();
  await page.locator('#markers li .lasted', { hasText: 'now' }).first().waitFor({ timeout: LIVE_MS });
  const { status } = await post(running.server.url, { kind: 'door-bell', text: 'of another program' });
  assert.equal(status, 201);
  await untilState(page, ['camera-lost'], 40_000);
  await until('the face is not there now', async () => {
    const seen = await face.textContent();
    return { done: /^\d+(\.\d)? s$/.test(seen), seen };
  }, 3000);
  assert.equal(await itemOf(page, 'of another program').locator('.lasted').textContent(), 'now', 'who told it knows');
  await page.keyboard.press('ArrowLeft');
  await untilState(page, ['behind'], NOTICE_MS);
  assert.doesNotMatch(await page.locator('#details').textContent(), /face/, 'nobody sees faces now');
});

pageTest('a_picture_that_is_late_is_not_called_live', { open: false, server: { options: LIGHT } }, async ({ running, browser: own }) => {
  const context = await own.newContext();
  const page = await context.newPage();
  // The server's clock is what the age is told by.
  await context.route('**/time', (route) => route.fulfill({ body: new Date(Date.now() + 6000).toISOString() }));
  await page.goto(running.server.url);
  const says = await until('it is late', async () => {
    const seen = await pageSays(page);
    return { done: seen.state === 'live' && seen.latencyMs > 6000, seen };
  }, LIVE_MS);
  assert.match(says.badge, /^late \d+(\.\d)? s$/i);
  assert.equal(says.sentence, 'The picture comes late.');
  assert.equal(await page.locator('#badge-word').evaluate((word) => getComputedStyle(word).backgroundColor), 'rgb(245, 185, 66)', 'amber');
  await screenshot(page, 'late');
  await page.goto(`${running.server.url}?embed`);
  await untilState(page, ['live'], LIVE_MS);
  await page.getByRole('status').getByText('The picture comes late.').waitFor({ timeout: NOTICE_MS });
  await context.close();
});

pageTest('after_a_restart_in_the_past_the_page_is_live', { server: { options: LIGHT } }, async ({ page, running }) => {
  await untilState(page, ['live'], LIVE_MS);
  await untilPast(running.server, 8000);
  await page.keyboard.press('ArrowLeft');
  await untilState(page, ['behind'], NOTICE_MS);
  await endServer(running.server, 'SIGKILL');
  await untilState(page, ['unreachable'], NOTICE_MS);
  const killedAt = Date.now();
  running.server = await startServer({ port: running.server.port, options: LIGHT });
  await untilNewer(page, killedAt, RETURN_MS);
  await untilState(page, ['live'], NOTICE_MS);
});

truthTest('after_a_broken_line_the_past_goes_on_where_it_was', {}, async (page) => {
  await page.keyboard.press('Home');
  await untilState(page, ['behind'], NOTICE_MS);
  // A busy machine shows the old picture for a while.
  await until('a picture of the past is shown', async () => {
    const seen = await readStrip(page);
    return { done: seen !== null && seen.ageMs > PAST_MS, seen };
  }, RETURN_MS);
  let broken = true;
  await page.route('**/cam/**', (route) => (broken ? route.abort() : route.continue()));
  // The buffer plays to its end, then the player is built anew.
  await untilState(page, ['starting', 'unreachable'], RETURN_MS);
  const { capturedMs } = await readStrip(page);
  broken = false;
  await untilState(page, ['behind'], RETURN_MS);
  const back = await untilNewer(page, 0, NOTICE_MS);
  const onMs = back.capturedMs - capturedMs;
  assert.ok(onMs >= -FRAME_ERROR_MS && onMs < 5000, `${onMs} ms after where it was`);
});
