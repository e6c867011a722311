// What is seen and where, on screens of all shapes and with all sizes of text. One server for all.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIVE_MS, NOTICE_MS, PHONE, onPage, screenshot, startSite, until, untilState, withOneServer } from './support.mjs';

const SIDEWAYS = { ...PHONE, viewport: { width: 844, height: 390 } };
/** Text at 200 %: what a browser's setting does to what has no size of its own. */
const LARGE_TEXT = { standard: 32, fixed: 26 };

let browser;
let server;
withOneServer((started) => ({ browser, server } = started));

/** A test with a page of its own that is live and has its timeline and markers. */
function screenTest(name, options, body) {
  test(name, { timeout: 240_000 }, () =>
    onPage({ name, browser, server, url: server.url, ...options }, async ({ page }) => {
      await untilState(page, ['live'], LIVE_MS);
      await page.locator('#seek').waitFor();
      await page.locator('#markers').waitFor();
      await body(page);
    }));
}

/** The picture's size without what is black beside it. */
function pictureOf(page) {
  return page.evaluate(() => {
    const video = document.getElementById('video');
    const scale = Math.min(video.clientWidth / video.videoWidth, video.clientHeight / video.videoHeight);
    return { width: video.videoWidth * scale, height: video.videoHeight * scale };
  });
}

/** What sticks out of the screen sideways, of what one can use. */
function outside(page) {
  return page.evaluate(() => [...document.querySelectorAll('button, select, [role="slider"], time, #badge')]
    .filter((element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
    .filter((element) => element.getBoundingClientRect().left < 0 || element.getBoundingClientRect().right > innerWidth)
    .map((element) => element.id || element.outerHTML.slice(0, 80)));
}

const rulerFont = (page) => page.evaluate(() => document.getElementById('seek-drawing').getContext('2d').font);

async function enlargeText(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Page.setFontSizes', { fontSizes: LARGE_TEXT });
}

for (const viewport of [{ width: 844, height: 390 }, { width: 667, height: 375 }, { width: 932, height: 430 }]) {
  screenTest(`a_phone_on_its_side_is_filled_by_the_picture_and_its_controls_${viewport.width}`, { ...SIDEWAYS, viewport }, async (page) => {
    for (const state of ['live', 'behind']) {
      const { height } = await pictureOf(page);
      await screenshot(page, `sideways-${viewport.width}-${state}`);
      assert.ok(height > viewport.height * 0.6, `the picture is ${height} px high of ${viewport.height}`);
      const bottom = await page.evaluate(() => document.getElementById('hud').getBoundingClientRect().bottom);
      assert.ok(bottom <= viewport.height + 1, `the controls end at ${bottom} of ${viewport.height}`);
      assert.deepEqual(await outside(page), []);
      await page.keyboard.press('ArrowLeft');
      await untilState(page, ['behind'], NOTICE_MS);
    }
    await page.locator('#markers').scrollIntoViewIfNeeded();
  });
}

screenTest('the_ruler_is_written_in_the_size_of_the_style_sheet_and_of_the_reader', {}, async (page) => {
  await until('12 px', async () => ({ done: /(^|\s)12px/.test(await rulerFont(page)), seen: await rulerFont(page) }), NOTICE_MS);
  await enlargeText(page);
  await until('24 px', async () => ({ done: /(^|\s)24px/.test(await rulerFont(page)), seen: await rulerFont(page) }), NOTICE_MS);
});

for (const [name, options] of Object.entries({ desktop: {}, upright: PHONE, sideways: SIDEWAYS })) {
  screenTest(`with_text_twice_as_large_nothing_is_cut_off_${name}`, options, async (page) => {
    await enlargeText(page);
    await until('the text is larger', async () => ({ done: (await page.evaluate(() => getComputedStyle(document.body).fontSize)) === '32px' }), NOTICE_MS);
    const [scroll, wide] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    await screenshot(page, `large-text-${name}`);
    assert.ok(scroll <= wide, `${scroll} px of content in ${wide} px`);
    assert.deepEqual(await outside(page), []);
  });
}

screenTest('the_preview_stands_above_its_pointer_and_within_the_bar', {}, async (page) => {
  // The clock beside the bar takes its room once there is a time to show.
  await until('the clock is there', async () => {
    const seen = await page.locator('#shown-at').textContent();
    return { done: seen !== '', seen };
  }, NOTICE_MS);
  const bar = await page.locator('#seek').boundingBox();
  const y = bar.y + bar.height - 10;
  const stands = (x) => until(`the preview stands above ${x}`, async () => {
    await page.mouse.move(x, y);
    const box = await page.locator('#preview').boundingBox();
    if (box === null) {
      return { done: false, seen: 'no preview' };
    }
    const wanted = Math.max(bar.x, Math.min(bar.x + bar.width - box.width, x - box.width / 2));
    return { done: Math.abs(box.x - wanted) <= 1, seen: { box, wanted } };
  }, NOTICE_MS);
  // A picture comes, and goes where there is none: the box is wider and narrower again. The window is short, so it ends at the right.
  await page.mouse.move(bar.x + bar.width * 0.9, y);
  await page.locator('#preview canvas').waitFor();
  for (const share of [0.9, 0.999, 0.5, 0.05, 0.001]) {
    await stands(bar.x + bar.width * share);
  }
  await page.mouse.move(bar.x + bar.width - 1, y);
  await page.locator('#preview canvas').waitFor({ state: 'hidden' });
  await stands(bar.x + bar.width - 1);
  await stands(bar.x + bar.width - 30);
});

const opacity = (page) => page.evaluate(() => getComputedStyle(document.getElementById('hud')).opacity);
const untilGone = (page) => until('the controls have left', async () => ({ done: (await opacity(page)) === '0', seen: await opacity(page) }), NOTICE_MS);

screenTest('in_fullscreen_the_controls_leave_in_the_past_too', {}, async (page) => {
  await page.keyboard.press('ArrowLeft');
  await untilState(page, ['behind'], NOTICE_MS);
  await page.keyboard.press('f');
  await page.locator('#player:fullscreen').waitFor();
  await untilGone(page);
});

screenTest('in_fullscreen_a_button_that_was_clicked_does_not_keep_the_controls', {}, async (page) => {
  await page.getByRole('button', { name: 'Fullscreen' }).click();
  await page.locator('#player:fullscreen').waitFor();
  await untilGone(page);
  // Who goes by the keyboard sees where the focus is.
  await page.keyboard.press('Tab');
  await page.keyboard.press('Shift+Tab');
  await until('the controls are back', async () => ({ done: (await opacity(page)) === '1', seen: await opacity(page) }), NOTICE_MS);
});

screenTest('in_fullscreen_a_tap_brings_the_controls_and_presses_none', SIDEWAYS, async (page) => {
  await page.keyboard.press('f');
  await page.locator('#player:fullscreen').waitFor();
  const { x, y, width, height } = await page.locator('#play').boundingBox();
  await untilGone(page);
  await page.touchscreen.tap(x + width / 2, y + height / 2);
  await until('the controls are back', async () => ({ done: (await opacity(page)) === '1', seen: await opacity(page) }), NOTICE_MS);
  assert.equal(await page.evaluate(() => document.getElementById('video').paused), false, 'nothing was paused');
  await page.touchscreen.tap(x + width / 2, y + height / 2);
  await untilState(page, ['paused'], NOTICE_MS);
});

test('where_no_script_runs_the_page_says_so_and_nothing_turns_for_ever', { timeout: 120_000 }, async () => {
  const frames = ['allow-scripts', '', 'allow-same-origin'].map((allowed) => `<iframe sandbox="${allowed}" src="${server.url}?embed" width="600" height="400"></iframe>`);
  const site = await startSite(`<!doctype html><title>site</title>${frames.join('')}`);
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  try {
    await page.goto(site.url);
    for (const at of frames.keys()) {
      const frame = page.frameLocator('iframe').nth(at);
      assert.match(await frame.locator('#badge-word').innerText(), /^not live$/i, frames[at]);
      assert.equal(await frame.locator('#status').textContent(), '', 'nothing is said that nobody knows');
      await frame.getByText('script does not run').waitFor({ timeout: 20_000 });
      await frame.locator('.spinner').waitFor({ state: 'hidden' });
    }
    await screenshot(page, 'sandboxed');
  } finally {
    await page.close();
    await site.end();
  }
});
