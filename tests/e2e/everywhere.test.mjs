// The page wherever it may be opened: behind a reverse proxy, in a frame, on a wall, in browsers that lack something, with dash.js.

import assert from 'node:assert/strict';
import {
  FOREIGN_NAME, LIGHT, LIVE_MS, NOTICE_MS, RETURN_MS, endServer, openPage, pageSays, pageTests, readStrip, screenshot, startProxy, startServer,
  startSite, until, untilNewer, untilState,
} from './support.mjs';

/** What the page may weigh as it is sent, dash.js left out. */
const PAGE_LEN_MAX = 350 * 1024;
/** Files of it: a browser asks for six at a time, and over a long way each six cost a round trip. */
const FILES_MAX = 10;

const { pageTest } = pageTests();

/** Waits until the picture moves on. */
async function untilItPlays(page) {
  const first = await untilNewer(page, 0, LIVE_MS);
  await untilNewer(page, first.capturedMs + 1000, NOTICE_MS);
}

pageTest('plays_behind_a_reverse_proxy_under_a_path_of_its_own', { open: false }, async ({ running, browser }) => {
  const proxy = await startProxy(running.server.url, '/cameras/door/');
  const { page, seen } = await openPage(browser, proxy.url);
  try {
    await untilState(page, ['live'], LIVE_MS);
    await untilItPlays(page);
    assert.deepEqual(seen.console, [], 'nothing is asked for outside of the path');
    assert.deepEqual([...seen.hosts], [new URL(proxy.url).host]);
  } finally {
    await page.context().close();
    await proxy.end();
  }
});

pageTest('weighs_little_and_loads_dash_js_only_when_asked_to', { open: false }, async ({ running, browser }) => {
  const page = await browser.newPage();
  const sizes = new Map();
  page.on('requestfinished', async (request) => {
    const { pathname } = new URL(request.url());
    if (!/^\/(cam|api|time)/.test(pathname)) {
      sizes.set(pathname, (await request.sizes()).responseBodySize);
    }
  });
  await page.goto(running.server.url);
  await untilState(page, ['live'], LIVE_MS);
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  console.log(`the page weighs ${total} bytes in ${sizes.size} files, of these hls.js ${sizes.get('/hls.js')}`);
  assert.ok(sizes.get('/hls.js') > 0 && sizes.get('/') > 0, 'the sizes are known');
  assert.ok(total <= PAGE_LEN_MAX, JSON.stringify([...sizes]));
  assert.ok(sizes.size <= FILES_MAX, `modules come as one file: ${[...sizes.keys()]}`);
  assert.ok(!sizes.has('/dash.js'));
  await page.context().close();
});

pageTest('plays_by_dash_js_when_asked_to', { query: '?player=dash' }, async ({ page, seen, running }) => {
  await untilState(page, ['live'], LIVE_MS);
  await untilItPlays(page);
  const { age, says } = await until(
    'the latency shown is that of the picture',
    async () => {
      const [says, strip] = [await pageSays(page), await readStrip(page)];
      return { done: strip !== null && Math.abs(strip.ageMs - says.latencyMs) < 400, seen: { says, age: strip?.ageMs } };
    },
    NOTICE_MS,
  );
  console.log(`dash.js: the picture is ${age} ms old, the page says ${says.latencyMs}`);
  await page.keyboard.press('ArrowLeft');
  const past = await untilState(page, ['behind'], NOTICE_MS);
  await until('the past plays on at its own speed', async () => {
    const now = await pageSays(page);
    return { done: now.state === 'behind' && now.position > past.position + 3 && now.rate === 1, seen: now };
  }, NOTICE_MS);
  await page.getByRole('button', { name: 'Jump to live' }).click();
  await untilState(page, ['live'], NOTICE_MS);
  assert.deepEqual(seen.violations, [], 'no violation of the content security policy');
  assert.deepEqual([...seen.hosts], [new URL(running.server.url).host], 'no request to another host');
});

pageTest('dash_js_plays_again_after_the_server_was_killed_and_restarted', { query: '?player=dash' }, async ({ page, running }) => {
  await untilState(page, ['live'], LIVE_MS);
  await endServer(running.server, 'SIGKILL');
  await untilState(page, ['unreachable'], NOTICE_MS);
  const killedMs = Date.now();
  running.server = await startServer({ port: running.server.port });
  await untilNewer(page, killedMs, RETURN_MS);
  await untilState(page, ['live'], NOTICE_MS);
});

pageTest('plays_by_the_browsers_own_hls_where_there_are_no_media_source_extensions', { open: false }, async ({ running, browser }) => {
  const context = await browser.newContext();
  await context.addInitScript(() => ['MediaSource', 'WebKitMediaSource', 'ManagedMediaSource'].forEach((name) => delete window[name]));
  const page = await context.newPage();
  await page.goto(running.server.url);
  const native = await page.evaluate(() => document.createElement('video').canPlayType('application/vnd.apple.mpegurl'));
  if (native === '') {
    console.log('left out: this browser has no HLS of its own');
  } else {
    await page.keyboard.press('i');
    await page.getByText('native HLS').waitFor();
    await untilState(page, ['live'], LIVE_MS);
    await untilItPlays(page);
    assert.equal((await pageSays(page)).rate, 1, 'its speed is its own business');
  }
  await context.close();
});

pageTest('a_page_of_another_origin_may_show_the_picture_but_not_the_controls', { open: false }, async ({ running, browser }) => {
  const frames = `<iframe id="embed" src="${running.server.url}?embed" allow="autoplay"></iframe><iframe id="whole" src="${running.server.url}"></iframe>`;
  const site = await startSite(`<!doctype html><title>Home</title>${frames}`);
  const { page, seen } = await openPage(browser, site.url);
  try {
    const embed = page.frameLocator('#embed');
    await embed.locator('body[data-state="live"]').waitFor({ timeout: LIVE_MS });
    assert.equal(await embed.locator('.hud').isVisible(), false);
    const fills = await embed.locator('video').evaluate((video) => [video.clientWidth, video.clientHeight, innerWidth, innerHeight]);
    assert.deepEqual(fills.slice(0, 2), fills.slice(2), 'the picture fills the frame');
    await until('the whole page is refused', async () => {
      return { done: seen.console.some((text) => text.includes('frame-ancestors')), seen: seen.console };
    }, NOTICE_MS);
    assert.equal(await page.frameLocator('#whole').locator('#video').count(), 0);
  } finally {
    await page.context().close();
    await site.end();
  }
});

pageTest('a_page_of_another_origin_gets_no_byte', { open: false, server: { options: [...LIGHT, '--host-name', FOREIGN_NAME] } }, async ({ running, browser }) => {
  const site = await startSite('<!doctype html><title>Elsewhere</title>');
  const page = await browser.newPage();
  try {
    await page.goto(site.url);
    // By its name a browser does not say from where a request comes, for it is neither TLS nor loopback.
    for (const url of [running.server.url, running.server.url.replace('127.0.0.1', FOREIGN_NAME)]) {
      const got = await page.evaluate(async (url) => {
        const read = (path, mode) => fetch(url + path, { mode }).then((answer) => `an answer, ${answer.type}`, () => 'refused');
        const load = (name, path) => new Promise((done) => {
          const element = document.createElement(name);
          element.onerror = () => done('refused');
          element.onload = element.onloadedmetadata = () => done('loaded');
          element.src = url + path;
          document.body.append(element);
        });
        return {
          playlist: await read('cam/index.m3u8', 'cors'),
          blind: await read('cam/index.m3u8', 'no-cors'),
          status: await read('api/status', 'cors'),
          image: await load('img', 'icon.svg'),
          script: await load('script', 'hls.js'),
          video: await load('video', 'cam/index.m3u8'),
        };
      }, url);
      assert.deepEqual(new Set(Object.values(got)), new Set(['refused']), `${url}: ${JSON.stringify(got)}`);
    }
  } finally {
    await page.context().close();
    await site.end();
  }
});

pageTest('a_kiosk_fills_the_window_and_hides_the_pointer', { query: '?kiosk' }, async ({ page }) => {
  await untilState(page, ['live'], LIVE_MS);
  await untilItPlays(page);
  const { box, cursor } = await page.evaluate(() => {
    const { x, y, width, height } = document.getElementById('video').getBoundingClientRect();
    return { box: [x, y, width, height], cursor: getComputedStyle(document.getElementById('video')).cursor };
  });
  assert.deepEqual(box, [0, 0, 1280, 800]);
  assert.equal(cursor, 'none');
  assert.equal(await page.locator('button:visible').count(), 0);
  await page.mouse.click(600, 400);
  await page.keyboard.press('k');
  await untilItPlays(page);
  assert.equal((await pageSays(page)).state, 'live', 'a click does not hold it');
  await screenshot(page, 'kiosk');
});

pageTest('a_kiosk_that_shows_nothing_for_two_minutes_loads_itself_anew', { query: '?kiosk' }, async ({ page }) => {
  await page.clock.install();
  await page.reload();
  await untilState(page, ['live'], LIVE_MS);
  await page.evaluate(() => (window.isOld = true));
  // As a browser whose player is broken: the server is there, and its stream is not shown.
  await page.route('**/cam/**', (route) => route.abort());
  await untilState(page, ['connecting', 'starting', 'behind'], LIVE_MS);
  await page.clock.fastForward('03:00');
  await until('the page is a new one', async () => {
    const seen = await page.evaluate(() => window.isOld ?? false).catch(() => true);
    return { done: !seen, seen };
  }, LIVE_MS);
  await page.unroute('**/cam/**');
  await untilState(page, ['live'], LIVE_MS);
});

pageTest('warns_on_a_network_when_no_password_is_set', { open: false, server: { options: [...LIGHT, '--host-name', FOREIGN_NAME] } }, async ({ running, browser }) => {
  const warning = (page) => page.getByText('no password is set');
  const own = await openPage(browser, running.server.url);
  await untilState(own.page, ['live'], LIVE_MS);
  assert.equal(await warning(own.page).isVisible(), false, 'this machine reaches itself');
  await own.page.context().close();
  const { page } = await openPage(browser, running.server.url.replace('127.0.0.1', FOREIGN_NAME));
  await untilState(page, ['live'], LIVE_MS);
  await warning(page).waitFor();
  await screenshot(page, 'unprotected');
  await page.context().close();
});
