// Rewinding in a real browser: the picture of a moment, thumbnails, links, snapshots, the keyboard and fingers. One server for all.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { LIGHT, LIVE_MS, NOTICE_MS, endServer, onPage, pageSays, readStrip, screenshot, startBrowser, startServer, until, untilPast, untilReady, untilState } from './support.mjs';

/** A frame of 10 per second, and half of one for the grid: it shows the picture captured nearest to each of its points. */
const FRAME_ERROR_MS = 100 + 50;
const FRAME_S = 0.1;
/** Key frames are a second apart. */
const KEY_FRAME_MS = 1000;
/** What must be there to go back to, before the first test begins. */
const PAST_MS = 16_000;

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2, colorScheme: 'dark' };

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([startBrowser(), startServer({ options: [...LIGHT, '--detect', 'none'] })]);
  await untilReady(server);
  await untilPast(server, PAST_MS);
});
after(async () => {
  await browser?.close();
  await endServer(server, 'SIGKILL');
});

/** A test with a page of its own that is live. */
function timelineTest(name, { hash = '', ...options }, body) {
  test(name, { timeout: 240_000 }, () =>
    onPage({ name, browser, server, url: new URL(hash, server.url).href, ...options }, async (opened) => {
      await untilState(opened.page, hash ? ['behind'] : ['live'], LIVE_MS);
      await body(opened);
      assert.deepEqual(opened.seen.violations, [], 'no violation of the content security policy');
      assert.deepEqual(opened.seen.console, [], 'no console errors');
    }));
}

const link = (ms) => `#t=${new Date(ms).toISOString()}`;

/** A moment so long ago, on no frame's border. */
const ago = (ms) => Math.round(Date.now() - ms);

/** Waits until the picture (or what `selector` shows) is that of a moment. */
function untilShows(page, ms, errorMs = FRAME_ERROR_MS, selector = '#video') {
  return until(`shows ${new Date(ms).toISOString()}`, async () => {
    const strip = await readStrip(page, selector);
    const offMs = strip && strip.capturedMs - ms;
    return { done: offMs !== null && Math.abs(offMs) <= errorMs, seen: { offMs, ...(await pageSays(page)) } };
  }, NOTICE_MS);
}

/** Where the bar is on the page, and which stretch of time it shows. */
async function barOf(page) {
  const box = await page.locator('#seek').boundingBox();
  return { ...box, at: (place) => [box.x + box.width * place, box.y + box.height - 10] };
}

const valueText = (page) => page.locator('#seek').getAttribute('aria-valuetext');

timelineTest('a_given_moment_shows_exactly_its_frame', {}, async ({ page }) => {
  await page.keyboard.press('k');
  await untilState(page, ['paused'], NOTICE_MS);
  for (const back of [6_000, 12_345, 9_017, 6_789]) {
    const asked = ago(back);
    await page.evaluate((hash) => (location.hash = hash), link(asked));
    await untilShows(page, asked);
  }
});

timelineTest('a_page_opened_by_a_link_shows_its_moment_and_plays_on', { hash: link(Date.now()) }, async ({ page }) => {
  const asked = ago(11_000);
  await page.evaluate((hash) => (location.hash = hash), link(asked));
  await page.reload();
  await untilState(page, ['behind'], LIVE_MS);
  const { capturedMs } = await readStrip(page);
  assert.ok(capturedMs >= asked - FRAME_ERROR_MS && capturedMs < Date.now() - 5000, `${capturedMs - asked} ms after the moment asked for`);
  await untilShows(page, asked + 2000, 500);
  await page.getByRole('button', { name: 'Jump to live' }).click();
  await untilState(page, ['live'], NOTICE_MS);
});

timelineTest('pointing_at_the_bar_shows_the_time_and_a_picture_of_it', {}, async ({ page }) => {
  const bar = await barOf(page);
  for (const place of [0.95, 0.85]) {
    const asked = await until('the preview has a time', async () => {
      await page.mouse.move(...bar.at(place));
      const text = await page.locator('#preview time').textContent();
      return { done: /\d:\d\d:\d\d/.test(text), seen: text };
    }, NOTICE_MS);
    const strip = await until('the preview has a picture', async () => {
      const visible = await page.locator('#preview canvas').isVisible();
      const seen = visible ? await readStrip(page, '#preview canvas') : null;
      const told = new Date(seen?.capturedMs ?? 0);
      const shown = await page.evaluate((ms) => [new Date(ms).toLocaleTimeString(), new Date(ms + 1000).toLocaleTimeString()], told.getTime());
      return { done: seen !== null && shown.includes(asked), seen: { shown, asked } };
    }, NOTICE_MS);
    assert.ok(strip);
  }
  await screenshot(page, 'timeline-preview');
  await page.mouse.move(10, 10);
  await page.locator('#preview').waitFor({ state: 'hidden' });
});

timelineTest('a_click_on_the_bar_goes_there_and_its_right_end_is_live', {}, async ({ page }) => {
  const bar = await barOf(page);
  await page.mouse.click(...bar.at(0.9));
  const { position } = await untilState(page, ['behind'], NOTICE_MS);
  assert.ok(position > 0);
  await page.mouse.click(...bar.at(0.999));
  await untilState(page, ['live'], NOTICE_MS);
});

timelineTest('dragging_scrubs_and_letting_go_stays_there', {}, async ({ page }) => {
  const bar = await barOf(page);
  await page.keyboard.press('k');
  await page.mouse.move(...bar.at(0.98));
  await page.mouse.down();
  for (const place of [0.95, 0.92, 0.9, 0.88]) {
    const { position } = await pageSays(page);
    await page.mouse.move(...bar.at(place), { steps: 3 });
    await until('the picture follows the pointer', async () => {
      const seen = (await pageSays(page)).position;
      return { done: seen.toFixed(1) !== position.toFixed(1), seen };
    }, NOTICE_MS);
  }
  await page.mouse.up();
  const text = await valueText(page);
  await until('the picture is the one let go at', async () => {
    const strip = await readStrip(page);
    const near = strip && (await page.evaluate((ms) => [-500, 0, 500].map((off) => new Date(ms + off).toLocaleTimeString()), strip.capturedMs));
    return { done: strip !== null && near.some((time) => text.startsWith(time)), seen: { near, text } };
  }, NOTICE_MS);
});

timelineTest('a_snapshot_is_a_png_of_the_picture_named_by_its_capture_time', {}, async ({ page }) => {
  const snapshot = async () => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('s')]);
    const [, moment] = download.suggestedFilename().match(/^hlscam-(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z)\.png$/) ?? [];
    assert.ok(moment, download.suggestedFilename());
    const bytes = readFileSync(await download.path());
    assert.deepEqual([...bytes.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], 'the signature of PNG');
    // Decoded by the browser, on a page without the stream's security policy.
    const viewer = await browser.newPage();
    await viewer.setContent(`<img id="snapshot" src="data:image/png;base64,${bytes.toString('base64')}">`);
    await viewer.waitForFunction(() => document.getElementById('snapshot').complete);
    const size = await viewer.evaluate(() => [document.getElementById('snapshot').naturalWidth, document.getElementById('snapshot').naturalHeight]);
    const strip = await readStrip(viewer, '#snapshot');
    await viewer.close();
    assert.deepEqual(size, await page.evaluate(() => [document.getElementById('video').videoWidth, document.getElementById('video').videoHeight]));
    return Date.parse(moment.replace(/T(\d\d)-(\d\d)-/, 'T$1:$2:')) - strip.capturedMs;
  };
  // A busy machine repeats pictures in the stream now and then; one of those is older than its place.
  const check = (what) => until(`the snapshot of ${what} is named by its capture time`, async () => {
    const offMs = await snapshot();
    return { done: Math.abs(offMs) <= FRAME_ERROR_MS, seen: offMs };
  }, NOTICE_MS);
  await check('live');
  await page.keyboard.press('k');
  await untilState(page, ['paused'], NOTICE_MS);
  const asked = ago(8000);
  await page.evaluate((hash) => (location.hash = hash), link(asked));
  await untilShows(page, asked);
  await check('past');
});

timelineTest('a_link_to_the_moment_shown_is_copied_and_leads_back_to_it', {}, async ({ page }) => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.keyboard.press('k');
  await untilState(page, ['paused'], NOTICE_MS);
  await page.keyboard.press('ArrowLeft');
  await until('it stands still', async () => ({ done: await page.evaluate(() => !document.getElementById('video').seeking) }), NOTICE_MS);
  const { capturedMs } = await readStrip(page);
  await page.getByRole('button', { name: 'Copy a link to this moment' }).click();
  await page.getByText(/^Link to .* copied$/).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const named = Date.parse(new URL(copied).hash.slice('#t='.length));
  assert.ok(Math.abs(named - capturedMs) <= FRAME_ERROR_MS, `${named - capturedMs} ms beside the picture`);
});

timelineTest('the_keyboard_rewinds_steps_and_zooms', {}, async ({ page }) => {
  // Twice the same, for the first look after a seek may meet the picture before it.
  let last = null;
  const still = () => until('it stands still', async () => {
    const seeking = await page.evaluate(() => document.getElementById('video').seeking);
    const [before, strip] = [last, seeking ? null : await readStrip(page)];
    last = strip;
    return { done: strip !== null && strip.number === before?.number, seen: strip };
  }, NOTICE_MS);
  await page.keyboard.press('k');
  await untilState(page, ['paused'], NOTICE_MS);
  await page.keyboard.press('ArrowLeft');
  const first = await still();
  await page.keyboard.press('ArrowLeft');
  await untilShows(page, first.capturedMs - 5000, 2 * FRAME_ERROR_MS);
  const second = await still();
  const { position } = await pageSays(page);
  for (const [key, frames] of [[',', -1], ['.', 0], ['.', 1]]) {
    await page.keyboard.press(key);
    await until(`${key} shows its frame`, async () => {
      const strip = await readStrip(page);
      const moved = (await pageSays(page)).position - position;
      const { pacer } = await (await fetch(new URL('api/status', server.url))).json();
      // Where the source was late its last picture stands twice, and the next may have a number more.
      const offMax = pacer.repeated > 0 ? Math.abs(frames) : 0;
      const off = Math.abs(strip?.number - second.number - frames);
      return { done: off <= offMax && Math.abs(moved - frames * FRAME_S) < FRAME_S / 2, seen: { strip, second, moved, pacer } };
    }, NOTICE_MS);
  }
  await page.locator('#seek').focus();
  assert.match(await valueText(page), /\d:\d\d:\d\d.* before live$/);
  await page.keyboard.press('Home');
  await until('the oldest is near', async () => ({ done: Number(await page.locator('#seek').getAttribute('aria-valuenow')) < 8 }), NOTICE_MS);
  const shown = await page.locator('#zoom-span').textContent();
  // On a slow machine it is longer by now.
  assert.match(shown, /^1 min( \d+ s)?$|^[2-9] min/, 'a window that is shorter is shown at the right');
  await page.keyboard.press('End');
  await untilState(page, ['live'], NOTICE_MS);
  await page.keyboard.press('?');
  await page.getByText('Save this picture').waitFor();
});

timelineTest('a_step_back_from_the_first_picture_of_a_segment_shows_the_last_of_the_one_before', {}, async ({ page }) => {
  await page.keyboard.press('k');
  await untilState(page, ['paused'], NOTICE_MS);
  const playlist = await (await fetch(new URL('cam/video.m3u8', server.url))).text();
  const starts = [...playlist.matchAll(/#EXT-X-PROGRAM-DATE-TIME:(.*)/g)].map(([, date]) => Date.parse(date)).filter((ms) => ms < ago(8000));
  // From the newest to the oldest, for what lies behind is not loaded then.
  for (const start of starts.slice(-3).reverse()) {
    await page.evaluate((hash) => (location.hash = hash), link(start + 20));
    await untilShows(page, start + 20);
    await until('it stands still', async () => ({ done: await page.evaluate(() => !document.getElementById('video').seeking) }), NOTICE_MS);
    const { number } = await readStrip(page);
    await page.keyboard.press(',');
    await until('the picture before is shown', async () => {
      const strip = await readStrip(page);
      return { done: strip?.number === number - 1, seen: { strip, number, ...(await pageSays(page)) } };
    }, NOTICE_MS);
  }
});

timelineTest('the_past_plays_faster_and_live_is_reached_at_its_own_speed', {}, async ({ page }) => {
  const speed = page.getByLabel('Speed');
  await page.keyboard.press('Home');
  await untilState(page, ['behind'], NOTICE_MS);
  await speed.selectOption('4');
  await until('it plays at 4', async () => ({ done: (await pageSays(page)).rate === 4 }), NOTICE_MS);
  await untilState(page, ['live'], 30_000);
  assert.equal(await speed.inputValue(), '1');
});

timelineTest('on_a_phone_fingers_rewind_and_nothing_is_cut_off_or_too_small', PHONE, async ({ page }) => {
  const { x, y, width, height } = await page.locator('#stage').boundingBox();
  await page.touchscreen.tap(x + width / 4, y + height / 2);
  await page.touchscreen.tap(x + width / 4, y + height / 2);
  await untilState(page, ['behind'], NOTICE_MS);
  const bar = await barOf(page);
  await page.touchscreen.tap(...bar.at(0.999));
  await untilState(page, ['live'], NOTICE_MS);
  const { scroll, wide, small } = await page.evaluate(() => {
    // WCAG 2.2, 2.5.8: targets of at least 24 by 24 CSS pixels.
    const controls = [...document.querySelectorAll('button, select, [role="slider"]')].filter((element) => element.checkVisibility());
    const small = controls.filter((element) => Math.min(element.getBoundingClientRect().width, element.getBoundingClientRect().height) < 24);
    return { scroll: document.documentElement.scrollWidth, wide: window.innerWidth, small: small.map(({ id }) => id) };
  });
  assert.ok(scroll <= wide, `${scroll} px of content in ${wide} px`);
  assert.deepEqual(small, []);
  await screenshot(page, 'timeline-phone');
});
