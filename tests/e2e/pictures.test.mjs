// Pictures as dashboards show them: an <img> each, in a real browser.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LIGHT, LIVE_MS, NOTICE_MS, endServer, onPage, readStrip, startBrowser, startServer, until, untilReady } from './support.mjs';

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([startBrowser(), startServer({ options: [...LIGHT, '--detect', 'none'] })]);
  await untilReady(server);
});
after(async () => {
  await browser?.close();
  await endServer(server, 'SIGKILL');
});

/** Shows an address in an <img>, and resolves when it has loaded; a stream of pictures may never say so. */
function show(page, id, src) {
  return page.evaluate(
    ([id, src]) => {
      const image = document.createElement('img');
      Object.assign(image, { id, src });
      document.body.append(image);
    },
    [id, src],
  );
}

function untilShown(page, id, wanted, deadlineMs) {
  return until(`#${id} shows a picture`, async () => {
    const strip = await readStrip(page, `#${id}`);
    return { done: strip !== null && wanted(strip), seen: strip };
  }, deadlineMs);
}

test('an_image_shows_the_stream_of_pictures_moving', { timeout: 120_000 }, async () => {
  await onPage({ name: 'mjpeg', browser, server, url: new URL('healthz', server.url).href }, async ({ page, seen }) => {
    await show(page, 'moving', '/cam/stream.mjpg');
    let { capturedMs } = await untilShown(page, 'moving', () => true, LIVE_MS);
    for (let n = 0; n < 5; n += 1) {
      const newer = await untilShown(page, 'moving', (strip) => strip.capturedMs > capturedMs, NOTICE_MS);
      ({ capturedMs } = newer);
    }
    const age = (await readStrip(page, '#moving')).ageMs;
    assert.ok(age < NOTICE_MS, `it is live, and not ${age} ms old`);
    assert.deepEqual(seen.violations, []);
  });
});

test('an_image_shows_a_snapshot_of_now_and_of_a_moment', { timeout: 120_000 }, async () => {
  await onPage({ name: 'snapshot', browser, server, url: new URL('healthz', server.url).href }, async ({ page, seen }) => {
    await show(page, 'now', '/cam/snapshot.jpg');
    const now = await untilShown(page, 'now', () => true, LIVE_MS);
    assert.ok(now.ageMs < NOTICE_MS, `${now.ageMs} ms old`);
    // What was shown as newest is a moment of the past as soon as its part is published.
    const then = new Date(now.capturedMs + 20).toISOString();
    await until('the moment is kept', async () => {
      const { status } = await fetch(new URL(`cam/snapshot.jpg?at=${then}`, server.url));
      return { done: status === 200, seen: status };
    }, NOTICE_MS);
    await show(page, 'then', `/cam/snapshot.jpg?at=${then}&width=240`);
    const shown = await untilShown(page, 'then', () => true, NOTICE_MS);
    assert.ok(Math.abs(shown.capturedMs - now.capturedMs) <= 400, `${shown.capturedMs} for ${now.capturedMs}`);
    assert.equal(await page.evaluate(() => document.querySelector('#then').naturalWidth), 240);
    assert.deepEqual(seen.violations, []);
  });
});
