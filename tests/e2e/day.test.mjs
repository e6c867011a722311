// A window of 24 h in a real browser: rewinding is quick, the bar is drawn, the heap stays flat. `E2E_DAY_S` makes it last longer.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startDay } from './day.mjs';
import { LIGHT, endServer, onPage, readStrip, screenshot, startBrowser, startServer, until, untilReady, untilState } from './support.mjs';

const LIVE_MS = 30_000;
const NOTICE_MS = 10_000;
/** A frame of 10 per second, and half of one for the grid. */
const FRAME_ERROR_MS = 100 + 50;
/** Aim for 500 ms on a quiet machine; a busy one gets more. */
const SEEK_MAX_MS = 2000;
/** How long the day is scrubbed about. */
const SCRUB_MS = Number(process.env.E2E_DAY_S ?? 20) * 1000;
const HEAP_GROWTH_MAX = 5_000_000;
const HEAP_LOOKS = 5;
/** What is there for a moment only is gone by then. */
const HEAP_RETURN_MS = 20_000;

let browser;
let server;
let day;
before(async () => {
  [browser, server] = await Promise.all([startBrowser(), startServer({ options: [...LIGHT, '--detect', 'none'] })]);
  await untilReady(server);
  day = await startDay(server);
});
after(async () => {
  await browser?.close();
  day?.close();
  await endServer(server, 'SIGKILL');
});

/** Goes to a moment and gives how long it took until its picture was on the screen. */
async function seek(page, ms) {
  const began = performance.now();
  await page.evaluate((hash) => (location.hash = hash), `#t=${new Date(ms).toISOString()}`);
  for (;;) {
    const strip = await readStrip(page);
    const tookMs = performance.now() - began;
    const afterMs = strip && day.msAfter(strip.capturedMs, ms - FRAME_ERROR_MS);
    // The picture plays on while it is looked at.
    if (strip !== null && afterMs <= 2 * FRAME_ERROR_MS + tookMs) {
      return tookMs;
    }
    assert.ok(tookMs < NOTICE_MS, `${new Date(ms).toISOString()} is not shown; the picture comes ${afterMs} ms after it`);
  }
}

/** Bytes in use after a collection: the least of several, for objects of a moment are among them. */
async function heapOf(session) {
  let least = Infinity;
  for (let n = 0; n < HEAP_LOOKS; n += 1) {
    await session.send('HeapProfiler.collectGarbage');
    const { metrics } = await session.send('Performance.getMetrics');
    least = Math.min(least, metrics.find(({ name }) => name === 'JSHeapUsedSize').value);
  }
  return least;
}

/** A test with a page of its own that is live. */
function dayTest(name, { timeout = 120_000, ...options }, body) {
  test(name, { timeout }, () =>
    onPage({ name, browser, server, url: day.url, ...options }, async (opened) => {
      await untilState(opened.page, ['live'], LIVE_MS);
      await body(opened);
    }));
}

dayTest('a_window_of_a_day_is_quick_to_rewind_and_the_heap_stays_flat', { timeout: 240_000 + 2 * SCRUB_MS }, async ({ page, seen }) => {
  await page.getByText('24 h', { exact: true }).waitFor();
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const bar = await page.locator('#seek').boundingBox();
  const took = [];
  let settled = null;
  const end = performance.now() + SCRUB_MS;
  for (let n = 0; performance.now() < end || n < 6; n += 1) {
    // All over the day, never twice the same.
    const place = (n * 0.618_034) % 1;
    took.push(await seek(page, Math.round(day.startMs + 3_600_000 + place * 22 * 3_600_000)));
    await page.mouse.move(bar.x + bar.width * (1 - place), bar.y + 30);
    if (settled === null && (performance.now() > end - SCRUB_MS / 2 || n === 3)) {
      settled = await heapOf(session);
    }
  }
  // What a browser has not given back yet is none that stays.
  const grown = await until('the heap is as it was', async () => {
    const seen = (await heapOf(session)) - settled;
    return { done: seen < HEAP_GROWTH_MAX, seen };
  }, HEAP_RETURN_MS);
  took.sort((a, b) => a - b);
  const share = (part) => Math.round(took[Math.floor((took.length - 1) * part)]);
  const median = share(0.5);
  console.log(`${took.length} seeks in a day: median ${median} ms, 99 of 100 within ${share(0.99)} ms, longest ${share(1)} ms; heap ${Math.round(settled / 1e6)} MB, grown by ${Math.round(grown / 1e3)} kB`);
  assert.ok(median <= SEEK_MAX_MS, `seeks take ${median} ms`);
  await page.mouse.move(bar.x + bar.width * 0.4, bar.y + 30);
  await until('the preview has a picture', async () => {
    const strip = (await page.locator('#preview canvas').isVisible()) ? await readStrip(page, '#preview canvas') : null;
    return { done: strip !== null, seen: strip };
  }, NOTICE_MS);
  await screenshot(page, 'timeline-day');
  assert.deepEqual(seen.violations, [], 'no violation of the content security policy');
});

/** Moves two fingers along the bar, from and to these shares of its width. */
async function pinch(page, from, to) {
  const session = await page.context().newCDPSession(page);
  const { x, y, width } = await page.locator('#seek').boundingBox();
  const send = (type, places) => session.send('Input.dispatchTouchEvent', { type, touchPoints: places.map((place, id) => ({ x: x + width * place, y: y + 30, id })) });
  await send('touchStart', from.slice(0, 1));
  await send('touchStart', from);
  for (const step of [0.25, 0.5, 0.75, 1]) {
    await send('touchMove', from.map((place, n) => place + (to[n] - place) * step));
  }
  await send('touchEnd', []);
}

dayTest('a_day_is_zoomed_where_the_wheel_or_the_fingers_are', { hasTouch: true }, async ({ page }) => {
  const span = page.locator('#zoom-span');
  const whole = () => until('the whole day is shown', async () => ({ done: (await span.textContent()) === '24 h', seen: await span.textContent() }), NOTICE_MS);
  const isPart = (what) => until(`${what} shows a part of the day`, async () => {
    const seen = await span.textContent();
    return { done: /^[1-9] h$|^1\d h$/.test(seen), seen };
  }, NOTICE_MS);
  await whole();
  // The time beside the bar takes its place first.
  await page.locator('#shown-at:not(:empty)').waitFor();
  const bar = await page.locator('#seek').boundingBox();
  await page.mouse.move(bar.x + bar.width * 0.3, bar.y + 30);
  const under = page.locator('#preview time');
  await under.waitFor();
  const moment = async () => {
    const text = await under.textContent();
    // The date is left out of today's.
    return Date.parse(text.includes('/') ? text : `${new Date().toDateString()} ${text}`);
  };
  const before = await moment();
  await page.mouse.wheel(0, -500);
  await isPart('the wheel');
  const movedS = Math.abs((await moment()) - before) / 1000;
  // A pixel of a day is more than a minute.
  assert.ok(movedS < 300, `what was under the pointer has moved by ${movedS} s`);
  await page.locator('#zoom-whole').click();
  await whole();
  await pinch(page, [0.45, 0.55], [0.2, 0.8]);
  await isPart('two fingers');
  assert.equal(await page.evaluate(() => document.body.dataset.state), 'live', 'zooming does not seek');
  await pinch(page, [0.1, 0.9], [0.45, 0.55]);
  await whole();
});
