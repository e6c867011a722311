// Every state of the page, light and dark: kept as a picture, and audited by axe-core for WCAG AA.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LIGHT, LIVE_MS, NOTICE_MS, PHONE, endServer, pageTests, screenshot, until, untilNewer, untilState } from './support.mjs';

const AXE = readFileSync(fileURLToPath(new URL('node_modules/axe-core/axe.min.js', import.meta.url)), 'utf8');
const RULES = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };

const { pageTest } = pageTests();

/** Nothing for axe to find in either colour scheme; and a picture of both. */
async function audit(page, name) {
  await page.evaluate(AXE);
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await screenshot(page, `${name}-${colorScheme}`);
    const { violations, passes } = await page.evaluate((rules) => window.axe.run(document, rules), RULES);
    assert.ok(passes.length > 10, 'the audit has looked');
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`);
    assert.deepEqual(found, [], `${name}, ${colorScheme}`);
  }
}

pageTest('connecting', { open: false }, async ({ running, browser }) => {
  const context = await browser.newContext();
  // Answers that never come.
  await context.route(/\/(api|cam)\/|\/time$/, () => {});
  const page = await context.newPage();
  await page.goto(running.server.url);
  await untilState(page, ['connecting'], NOTICE_MS);
  await audit(page, 'connecting');
  await context.close();
});

pageTest('starting', { open: false }, async ({ running, browser }) => {
  const context = await browser.newContext();
  await context.route('**/cam/**', (route) => route.fulfill({ status: 503, headers: { 'retry-after': '1' } }));
  const page = await context.newPage();
  await page.goto(running.server.url);
  await untilState(page, ['starting'], NOTICE_MS);
  await audit(page, 'starting');
  await context.close();
});

pageTest('live_with_help_and_statistics', {}, async ({ page }) => {
  await untilState(page, ['live'], LIVE_MS);
  await untilNewer(page, 0, NOTICE_MS);
  await audit(page, 'live');
  await page.keyboard.press('i');
  await until('the statistics are told', async () => {
    const seen = await page.locator('#stats').innerText();
    return { done: /\d+ ms[^]*hls\.js[^]*[kM]bit\/s[^]*hlscam \d/.test(seen) && /\d per s/.test(seen), seen };
  }, NOTICE_MS);
  await audit(page, 'statistics');
  await page.keyboard.press('i');
  await page.locator('#stats').waitFor({ state: 'hidden' });
  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: 'Keyboard' });
  await help.getByText('Play or pause').waitFor();
  await audit(page, 'help');
  await page.keyboard.press('k');
  assert.equal(await page.evaluate(() => document.getElementById('video').paused), false, 'an open dialog has the keyboard to itself');
  await page.keyboard.press('Escape');
  await help.waitFor({ state: 'hidden' });
});

/** The luma of the picture's middle, from 0 to 255. */
const luma = (page) => page.evaluate(() => {
  const video = document.getElementById('video');
  const canvas = Object.assign(document.createElement('canvas'), { width: 8, height: 8 });
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, video.videoHeight / 2, video.videoWidth, video.videoHeight / 2, 0, 0, 8, 8);
  const { data } = context.getImageData(0, 0, 8, 8);
  return data.filter((_, at) => at % 4 !== 3).reduce((sum, value) => sum + value, 0) / (data.length * 0.75);
});

pageTest('camera_controls', { server: { options: [...LIGHT, '--detect', 'none', '--control', 'brightness=40'] } }, async ({ page, running }) => {
  await untilState(page, ['live'], LIVE_MS);
  const panel = page.locator('#camera-controls');
  const open = panel.getByText('Camera controls');
  await open.waitFor({ timeout: NOTICE_MS });
  await open.focus();
  await page.keyboard.press('Enter');
  const brightness = panel.getByRole('slider', { name: 'Brightness' });
  assert.equal(await brightness.inputValue(), '40', 'as it was asked at the start');
  await audit(page, 'camera-controls');
  const before = await luma(page);
  await brightness.focus();
  await page.keyboard.press('Home');
  const valueOf = async (name) => {
    const { controls } = await (await fetch(`${running.server.url}api/cameras/cam/controls`)).json();
    return controls.find((control) => control.name === name).value;
  };
  await until('the camera has it', async () => {
    const seen = await valueOf('brightness');
    return { done: seen === -100, seen };
  }, NOTICE_MS);
  await until('the picture is darker', async () => {
    const seen = await luma(page);
    return { done: seen < before - 60, seen };
  }, NOTICE_MS);
  const gain = panel.getByRole('slider', { name: 'Gain' });
  assert.equal(await gain.isDisabled(), true, 'it is automatic');
  // Somebody else sets it.
  const body = JSON.stringify({ gain: 150, color_effects: 'black_white' });
  const put = { method: 'PUT', headers: { 'content-type': 'application/json' }, body };
  assert.equal((await fetch(`${running.server.url}api/cameras/cam/controls`, put)).status, 200);
  await until('the page shows it', async () => {
    const seen = [await gain.isDisabled(), await gain.inputValue(), await panel.getByRole('combobox').inputValue()];
    return { done: seen.join() === 'false,150,black_white', seen };
  }, NOTICE_MS);
  await panel.getByRole('button', { name: 'Set all to their defaults' }).click();
  await until('all is as it was', async () => {
    const seen = [await brightness.inputValue(), await gain.isDisabled(), await panel.getByRole('combobox').inputValue()];
    return { done: seen.join() === '0,true,none', seen };
  }, NOTICE_MS);
});

pageTest('behind_and_paused', {}, async ({ page }) => {
  await untilState(page, ['live'], LIVE_MS);
  const { capturedMs } = await untilNewer(page, 0, NOTICE_MS);
  await untilNewer(page, capturedMs + 6000, NOTICE_MS);
  await page.keyboard.press('ArrowLeft');
  await untilState(page, ['behind'], NOTICE_MS);
  await audit(page, 'behind');
  await page.keyboard.press('k');
  await untilState(page, ['paused'], NOTICE_MS);
  await audit(page, 'paused');
});

pageTest('late', { open: false }, async ({ running, browser }) => {
  const context = await browser.newContext();
  await context.route('**/time', (route) => route.fulfill({ body: new Date(Date.now() + 6000).toISOString() }));
  const page = await context.newPage();
  for (const query of ['', '?embed']) {
    await page.goto(running.server.url + query);
    await page.locator('[data-late="true"]').waitFor({ timeout: LIVE_MS });
    await audit(page, `late${query}`);
  }
  await context.close();
});

pageTest('not_started', { open: false }, async ({ running, browser }) => {
  const context = await browser.newContext();
  await context.route('**/viewer.js', (route) => route.abort());
  const page = await context.newPage();
  await page.goto(running.server.url);
  await page.getByText('script does not run').waitFor({ timeout: LIVE_MS });
  await audit(page, 'not-started');
  await context.close();
});

pageTest('unreachable', {}, async ({ page, running }) => {
  await untilState(page, ['live'], LIVE_MS);
  await endServer(running.server, 'SIGKILL');
  await untilState(page, ['unreachable'], NOTICE_MS);
  await audit(page, 'unreachable');
});

pageTest('ended', {}, async ({ page, running }) => {
  await untilState(page, ['live'], LIVE_MS);
  await endServer(running.server, 'SIGINT');
  await untilState(page, ['ended', 'unreachable'], NOTICE_MS);
  await audit(page, 'ended');
});

pageTest('camera_lost', { server: { device: 'test:vanish@8s..60s' } }, async ({ page }) => {
  await untilState(page, ['camera-lost'], LIVE_MS);
  await audit(page, 'camera-lost');
});

pageTest('the_picture_alone', { query: '?embed' }, async ({ page, running }) => {
  await untilState(page, ['live'], LIVE_MS);
  await audit(page, 'embed');
  await page.setViewportSize(PHONE.viewport);
  const fills = await page.evaluate(() => [document.getElementById('video').clientWidth, document.getElementById('video').clientHeight]);
  assert.deepEqual(fills, [PHONE.viewport.width, PHONE.viewport.height], 'it fills a narrow frame too');
  await endServer(running.server, 'SIGKILL');
  await untilState(page, ['unreachable'], NOTICE_MS);
  await page.getByRole('status').getByText('The server cannot be reached').waitFor();
  await audit(page, 'embed-unreachable');
});

pageTest('on_a_phone', PHONE, async ({ page }) => {
  await untilState(page, ['live'], LIVE_MS);
  await untilNewer(page, 0, NOTICE_MS);
  await audit(page, 'phone');
});

pageTest('on_a_phone_held_sideways', { ...PHONE, viewport: { width: 844, height: 390 } }, async ({ page }) => {
  await untilState(page, ['live'], LIVE_MS);
  await untilNewer(page, 0, NOTICE_MS);
  await audit(page, 'phone-sideways');
});

pageTest('on_a_wall_of_4k', { viewport: { width: 3840, height: 2160 } }, async ({ page }) => {
  await untilState(page, ['live'], LIVE_MS);
  await untilNewer(page, 0, NOTICE_MS);
  await audit(page, '4k');
});

pageTest('in_fullscreen_the_controls_leave_when_nothing_moves', {}, async ({ page }) => {
  await untilState(page, ['live'], LIVE_MS);
  await page.keyboard.press('f');
  await page.locator('#player:fullscreen').waitFor();
  await screenshot(page, 'fullscreen');
  const opacity = () => page.evaluate(() => getComputedStyle(document.getElementById('hud')).opacity);
  await until('the controls have left', async () => ({ done: (await opacity()) === '0', seen: await opacity() }), NOTICE_MS);
  await page.mouse.move(300, 300);
  await until('the controls are back', async () => ({ done: (await opacity()) === '1', seen: await opacity() }), NOTICE_MS);
});

pageTest('a_closed_camera_is_opened_by_the_page', { server: { options: ['--on-demand', '--detect', 'none', ...LIGHT] }, open: false }, async ({ running, browser }) => {
  const source = async () => (await (await fetch(new URL('api/status', running.server.url))).json()).source;
  assert.equal((await source()).state, 'asleep');
  for (const query of ['', '?player=dash']) {
    const context = await browser.newContext();
    const page = await context.newPage();
    const errors = [];
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    await page.goto(running.server.url + query);
    await untilState(page, ['live'], LIVE_MS);
    await untilNewer(page, 0, NOTICE_MS);
    assert.deepEqual(errors, []);
    await context.close();
  }
  assert.equal((await source()).opened, 1);
});
