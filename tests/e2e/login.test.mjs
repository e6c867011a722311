// The page where users are needed: the login, what a user may do, and the logout.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { BINARY, FOREIGN_NAME, LIGHT, LIVE_MS, NOTICE_MS, dragStretch, openPage, pageTests, screenshot, until, untilNewer, untilState } from './support.mjs';

const FOLDER = mkdtempSync(path.join(tmpdir(), 'hlscam-users-'));
const USERS = path.join(FOLDER, 'users');
after(() => rmSync(FOLDER, { recursive: true, force: true }));
for (const [name, role] of [['vera', 'viewer'], ['otto', 'operator']]) {
  execFileSync(BINARY, ['user', 'add', name, '--role', role, '--users', USERS], { input: `words of ${name}\n` });
}

const { pageTest } = pageTests();
const GUARDED = { options: [...LIGHT, '--detect', 'none', '--users', USERS] };

async function logIn(page, name, password) {
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

pageTest('a_viewer_logs_in_watches_and_logs_out', { server: GUARDED, query: '?player=hls' }, async ({ page, seen }) => {
  await page.waitForURL(/\/login\?next=/);
  await screenshot(page, 'login');
  await logIn(page, 'vera', 'wrong words');
  await page.getByRole('alert').waitFor({ timeout: NOTICE_MS });
  assert.equal(await page.getByRole('alert').textContent(), 'That name or password is wrong.');
  await logIn(page, 'vera', 'words of vera');
  await page.waitForURL(/\/\?player=hls$/);
  await untilState(page, ['live'], LIVE_MS);
  await untilNewer(page, 0, LIVE_MS);
  await page.getByText('vera', { exact: true }).waitFor({ timeout: NOTICE_MS });
  // What a viewer may not do is not offered.
  assert.equal(await page.getByRole('button', { name: 'Add a note' }).isVisible(), false);
  assert.deepEqual(seen.violations, []);
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.waitForURL(/\/login$/);
  await page.goto(new URL('./', page.url()).href, { waitUntil: 'domcontentloaded' });
  await page.waitForURL(/\/login$/);
});

// Over plain HTTP, by a name that is not this machine's own, browsers tell less of who asks.
const TWO = { options: [...GUARDED.options, '--name', 'desk', '--device', 'test', ...LIGHT, '--detect', 'none', '--name', 'porch'] };

pageTest('the_page_of_several_cameras_tells_who_is_logged_in_and_logs_out', { server: TWO }, async ({ page, seen }) => {
  await page.waitForURL(/\/login$/);
  await logIn(page, 'vera', 'words of vera');
  await page.getByRole('link', { name: /^porch/ }).waitFor({ timeout: LIVE_MS });
  await page.getByText('vera', { exact: true }).waitFor({ timeout: NOTICE_MS });
  assert.deepEqual(seen.violations, []);
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.waitForURL(/\/login$/);
});

pageTest('who_comes_by_the_network_logs_in_and_out', { server: { options: [...GUARDED.options, '--host-name', FOREIGN_NAME] }, open: false }, async ({ running, browser }) => {
  const { page, seen } = await openPage(browser, `http://${FOREIGN_NAME}:${running.server.port}/`);
  try {
    await logIn(page, 'vera', 'words of vera');
    await untilState(page, ['live'], LIVE_MS);
    assert.deepEqual(seen.console, []);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.waitForURL(/\/login$/);
  } finally {
    await page.context().close();
  }
});

pageTest('who_is_removed_is_led_to_the_login', { server: GUARDED }, async ({ page }) => {
  await page.waitForURL(/\/login$/);
  await logIn(page, 'otto', 'words of otto');
  await untilState(page, ['live'], LIVE_MS);
  await page.getByRole('button', { name: 'Add a note' }).waitFor({ timeout: NOTICE_MS });
  execFileSync(BINARY, ['user', 'remove', 'otto', '--users', USERS]);
  await page.waitForURL(/\/login$/, { timeout: NOTICE_MS });
});

pageTest('an_operator_shares_a_clip_with_somebody_without_an_account', { server: GUARDED, permissions: ['clipboard-read', 'clipboard-write'] }, async ({ page, running, browser }) => {
  execFileSync(BINARY, ['user', 'add', 'olga', '--role', 'operator', '--users', USERS], { input: 'words of olga\n' });
  await until('olga is known', async () => {
    const answer = await fetch(new URL('api/session', running.server.url), { headers: { authorization: `Basic ${btoa('olga:words of olga')}` } });
    return { done: answer.ok, seen: answer.status };
  }, NOTICE_MS);
  await logIn(page, 'olga', 'words of olga');
  await untilState(page, ['live'], LIVE_MS);
  await until('there is a past', async () => {
    const seen = await page.evaluate(async () => (await (await fetch('api/status')).json()).window.span_s);
    return { done: seen > 8, seen };
  }, LIVE_MS);
  // The bar shows a minute, of which the last seconds have footage.
  await dragStretch(page, 0.87, 0.9, 0.95);
  await page.getByRole('button', { name: 'Share' }).click();
  await page.getByText('Link to this clip copied; it is good for a day').waitFor({ timeout: NOTICE_MS });
  const link = await page.evaluate(() => navigator.clipboard.readText());
  // Without the cookie of the page.
  const clip = await fetch(link);
  assert.deepEqual([clip.status, clip.headers.get('content-type')], [200, 'video/mp4']);
  assert.equal((await fetch(new URL('cam/index.m3u8', running.server.url))).status, 401);

  // All of the camera, in a browser that knows nobody here.
  const made = await page.evaluate(async () => (await fetch('api/links', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })).json());
  const { page: guest, seen } = await openPage(browser, new URL(made.url, running.server.url).href);
  try {
    await untilState(guest, ['live'], LIVE_MS);
    await untilNewer(guest, 0, LIVE_MS);
    assert.equal(await guest.getByRole('button', { name: 'Add a note' }).isVisible(), false);
    assert.deepEqual(seen.console, []);
  } finally {
    await guest.context().close();
  }
});
