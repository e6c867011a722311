// What lies on the disk, in a real browser: the past is there after the server was killed, and plays on into the run of today.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  LIGHT, LIVE_MS, NOTICE_MS, PHONE, RETURN_MS, dragStretch, durationOf, endServer, onPage, pageSays, readStrip, screenshot, startBrowser, startServer, until,
  untilNewer, untilPast, untilReady, untilState,
} from './support.mjs';

/** What each run leaves. */
const RUN_MS = 10_000;
/** A frame of 10 per second, and half of one for the grid. */
const FRAME_ERROR_MS = 150;

const storage = mkdtempSync(join(tmpdir(), 'hlscam-history-'));
const RULES = ['--record-on', 'door', '--record-pre-roll', '2s', '--record-post-roll', '1s', '--record-keep', '1d'];
const start = (port = 0) => startServer({ port, options: [...LIGHT, '--detect', 'none', '--storage', storage, '--window', '2m', ...RULES] });

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([startBrowser(), start()]);
  await untilReady(server);
  await untilPast(server, RUN_MS);
});
after(async () => {
  await browser?.close();
  await endServer(server, 'SIGKILL');
  rmSync(storage, { recursive: true, force: true });
});

function untilShows(page, ms) {
  return until(`shows ${new Date(ms).toISOString()}`, async () => {
    const strip = await readStrip(page);
    const offMs = strip && strip.capturedMs - ms;
    return { done: offMs !== null && Math.abs(offMs) <= FRAME_ERROR_MS, seen: { offMs, ...(await pageSays(page)) } };
  }, NOTICE_MS);
}

async function listed() {
  const text = await (await fetch(new URL('cam/video.m3u8', server.url))).text();
  const dates = [...text.matchAll(/#EXT-X-PROGRAM-DATE-TIME:(.*)/g)].map(([, date]) => Date.parse(date));
  return { text, dates, names: [...text.matchAll(/^seg-.*$/gm)].map(([name]) => name) };
}

test('what_a_killed_server_has_shown_is_watched_after_it_is_back', { timeout: 180_000 }, async () => {
  const before = await listed();
  const bytes = async (name) => Buffer.from(await (await fetch(new URL(`cam/${name}`, server.url))).arrayBuffer());
  const first = await bytes(before.names[0]);
  await endServer(server, 'SIGKILL');
  const killedAt = Date.now();
  server = await start(server.port);
  await untilReady(server);
  const now = await listed();
  assert.deepEqual(now.names.slice(0, before.names.length), before.names, 'what was listed is listed, under its names');
  assert.ok(first.equals(await bytes(before.names[0])), 'and is what it was');
  assert.ok(readdirSync(join(storage, 'cam')).some((name) => name.endsWith('.mp4')));
  await onPage({ name: 'history', browser, server, url: server.url }, async ({ page, seen }) => {
    await untilState(page, ['live'], LIVE_MS);
    // To a moment of the run that was killed, and from there on into this one.
    const then = before.dates.at(-2) + 300;
    await page.keyboard.press('k');
    await untilState(page, ['paused'], NOTICE_MS);
    await page.evaluate((ms) => (location.hash = `#t=${new Date(ms).toISOString()}`), then);
    await untilShows(page, then);
    await screenshot(page, 'history');
    await page.keyboard.press('k');
    await untilNewer(page, killedAt, RETURN_MS);
    await page.keyboard.press('End');
    await untilState(page, ['live'], LIVE_MS);
    assert.deepEqual(seen.violations, []);
    assert.deepEqual(seen.console, []);
  });
});

test('a_key_saves_what_just_happened_over_the_restart_too', { timeout: 240_000 }, async () => {
  await untilPast(server, 2 * RUN_MS);
  await onPage({ name: 'clip', browser, server, url: server.url, acceptDownloads: true }, async ({ page, seen }) => {
    await untilState(page, ['live'], LIVE_MS);
    const coming = page.waitForEvent('download', { timeout: NOTICE_MS });
    await page.keyboard.press('r');
    const saved = await coming;
    assert.match(saved.suggestedFilename(), /^cam_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.mp4$/);
    const file = join(storage, 'saved.mp4');
    await saved.saveAs(file);
    const said = execFileSync('ffprobe', ['-v', 'error', '-count_frames', '-show_entries', 'stream=nb_read_frames:format=duration', '-of', 'default=nk=1:nw=1', file]);
    const [frames, duration] = said.toString().trim().split('\n').map(Number);
    // What the kill has cost is not in it.
    assert.ok(duration > 15 && duration <= 30.2 && Math.abs(frames - duration * 10) <= 1, `${frames} frames in ${duration} s`);
    assert.deepEqual(seen.console, []);
  });
});

test('a_recording_is_made_of_what_was_told_as_an_event_and_served_as_a_file', { timeout: 120_000 }, async () => {
  await untilPast(server, 2 * RUN_MS);
  const ask = (path, method = 'GET', body = undefined) =>
    fetch(new URL(`api/recordings${path}`, server.url), { method, body: body && JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  const leave = new AbortController();
  const events = await fetch(new URL('api/events', server.url), { signal: leave.signal });
  let heard = '';
  const reading = (async () => {
    for await (const chunk of events.body) {
      heard += Buffer.from(chunk).toString();
    }
  })().catch(() => {});
  const made = await ask('', 'POST', { pre_roll_s: 5, name: 'door' });
  assert.equal(made.status, 201);
  const recording = await made.json();
  assert.equal(made.headers.get('location'), `recordings/${recording.id}`);
  assert.deepEqual([recording.name, recording.to, recording.protect], ['door', null, true]);
  const begun = Date.parse(recording.from);
  await until('it is two seconds longer', async () => ({ done: Date.now() > begun + 7000, seen: Date.now() - begun }), NOTICE_MS);
  const stopped = await (await ask(`/${recording.id}`, 'PATCH', { stop: true })).json();
  const lengthS = (Date.parse(stopped.to) - begun) / 1000;
  const file = await ask(`/${recording.id}.mp4`);
  assert.deepEqual([file.status, file.headers.get('content-type'), file.headers.get('content-disposition')], [200, 'video/mp4', 'attachment; filename="door.mp4"']);
  const saved = join(storage, 'recorded.mp4');
  writeFileSync(saved, Buffer.from(await file.arrayBuffer()));
  const said = execFileSync('ffprobe', ['-v', 'error', '-count_frames', '-show_entries', 'stream=nb_read_frames:format=duration', '-of', 'default=nk=1:nw=1', saved]);
  const [frames, duration] = said.toString().trim().split('\n').map(Number);
  // A frame that it reaches into is in it, and the edit list hides what is before the first.
  assert.ok(duration >= lengthS - 0.01 && duration <= lengthS + 0.21 && frames >= Math.floor(lengthS * 10), `${frames} frames in ${duration} of ${lengthS} s`);
  const told = await until('its end is told', async () => ({ done: heard.includes('event: recording-end'), seen: heard }), NOTICE_MS);
  leave.abort();
  await reading;
  assert.match(told, /event: recording-begin\n.*"recording":\{"id":"recording-\d+"/);
  assert.deepEqual((await (await ask('')).json()).recordings, [stopped]);
  assert.equal((await ask('', 'POST', { from: 1000, to: 2000 })).status, 400, 'long before there was footage');
  assert.equal((await ask(`/${recording.id}`, 'DELETE')).status, 204);
  assert.deepEqual([(await ask(`/${recording.id}`)).status, (await ask(`/${recording.id}.mp4`)).status], [404, 404]);
});

test('a_marker_makes_a_recording_with_what_came_before_and_after', { timeout: 120_000 }, async () => {
  const ask = (path, method = 'GET', body = undefined) =>
    fetch(new URL(path, server.url), { method, body: body && JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  const made = async () => (await (await ask('api/recordings')).json()).recordings;
  const door = await (await ask('api/markers', 'POST', { kind: 'door' })).json();
  const [begun] = await until('it has begun', async () => ({ done: (await made()).length === 1, seen: await made() }), NOTICE_MS);
  assert.deepEqual([begun.name, begun.cause, begun.to, begun.from], ['door', 'marker', null, new Date(Date.parse(door.begin) - 2000).toISOString()]);
  const { end } = await (await ask(`api/markers/${door.id}`, 'PATCH', { end: new Date().toISOString() })).json();
  const [ended] = await until('it has ended', async () => ({ done: (await made())[0].to !== null, seen: await made() }), NOTICE_MS);
  assert.equal(ended.to, new Date(Date.parse(end) + 1000).toISOString());
  assert.equal(ended.protected_until, new Date(Date.parse(ended.to) + 86_400_000).toISOString());
  await ask(`api/recordings/${ended.id}`, 'DELETE');
});

test('a_stretch_that_is_dragged_out_is_saved_kept_and_played', { timeout: 120_000 }, async () => {
  await onPage({ name: 'stretch', browser, server, url: server.url, acceptDownloads: true }, async ({ page, seen }) => {
    await untilState(page, ['live'], LIVE_MS);
    const panel = page.locator('#stretch');
    assert.equal(await panel.isVisible(), false);
    await dragStretch(page, 0.3, 0.4, 0.6);
    assert.equal((await pageSays(page)).state, 'live', 'nothing is sought');
    const [, length] = /^([\d.]+) s from \d/.exec(await page.locator('#stretch-text').innerText());
    await screenshot(page, 'stretch');
    const coming = page.waitForEvent('download', { timeout: NOTICE_MS });
    await panel.getByRole('button', { name: 'Save as a clip' }).click();
    const file = join(storage, 'stretch.mp4');
    await (await coming).saveAs(file);
    const lasts = durationOf(file);
    // Where a kill has cost some of it, that is not in it.
    assert.ok(lasts > 1 && lasts <= Number(length) + 0.6, `${lasts} of ${length} s`);
    await panel.getByRole('button', { name: 'Keep' }).click();
    const made = async () => (await (await fetch(new URL('api/recordings', server.url))).json()).recordings;
    const [kept] = await until('it is kept', async () => ({ done: (await made()).length === 1, seen: await made() }), NOTICE_MS);
    assert.ok(Math.abs((Date.parse(kept.to) - Date.parse(kept.from)) / 1000 - Number(length)) <= 0.6, JSON.stringify([kept, length]));
    await panel.getByRole('button', { name: 'Play' }).click();
    const begin = Date.parse(kept.from);
    const isPlayed = (strip) => strip !== null && strip.capturedMs >= begin - 200 && strip.capturedMs < begin + 2500;
    await until('it is played', async () => ({ done: isPlayed(await readStrip(page)), seen: await pageSays(page) }), NOTICE_MS);
    await panel.getByRole('button', { name: 'Forget this stretch' }).click();
    assert.equal(await panel.isVisible(), false);
    await fetch(new URL(`api/recordings/${kept.id}`, server.url), { method: 'DELETE' });
    // Its ends by keys.
    await page.keyboard.press('[');
    await until('a second passes', async () => ({ done: (await readStrip(page))?.capturedMs > begin + 3500, seen: await pageSays(page) }), NOTICE_MS);
    await page.keyboard.press(']');
    await panel.waitFor({ timeout: NOTICE_MS });
    assert.deepEqual(seen.violations, []);
    assert.deepEqual(seen.console, []);
  });
});

test('a_key_keeps_what_just_happened_and_the_list_names_finds_and_deletes_it', { timeout: 240_000 }, async () => {
  // More than is kept: the player stands back from what the window is about to lose.
  await untilPast(server, 4 * RUN_MS);
  const served = async () => (await (await fetch(new URL('api/recordings', server.url))).json()).recordings;
  assert.deepEqual(await served(), []);
  await onPage({ name: 'recordings', browser, server, url: server.url, acceptDownloads: true }, async ({ page, seen }) => {
    await untilState(page, ['live'], LIVE_MS);
    const items = page.locator('#recordings li');
    const act = (what) => items.first().getByRole('button', { name: new RegExp(`^${what}: `) });
    await page.locator('#recordings .disk', { hasText: / kept, .*B.* free, / }).waitFor({ timeout: NOTICE_MS });
    await page.keyboard.press('p');
    await items.first().waitFor({ timeout: NOTICE_MS });
    const [made] = await served();
    const lengthS = (Date.parse(made.to) - Date.parse(made.from)) / 1000;
    assert.ok(made.protect && Math.abs(lengthS - 30) < 0.01, `${lengthS} s`);
    assert.ok(Math.abs(Date.parse(made.to) - Date.now()) < NOTICE_MS);
    await until('its picture is there', async () => {
      const width = await items.locator('img').evaluate((picture) => picture.naturalWidth);
      return { done: width === 160, seen: width };
    }, NOTICE_MS);
    // Its name, by the keyboard alone.
    await act('Rename').focus();
    await page.keyboard.press('Enter');
    await page.keyboard.type('door <b>bell</b>, p');
    await page.keyboard.press('Enter');
    await items.locator('.what', { hasText: 'door <b>bell</b>, p' }).waitFor({ timeout: NOTICE_MS });
    assert.deepEqual((await served()).map(({ name }) => name), ['door <b>bell</b>, p']);
    await act('Protected').click();
    await until('it is not protected', async () => ({ done: (await act('Protected').getAttribute('aria-pressed')) === 'false' }), NOTICE_MS);
    await act('Protected').click();
    await until('it is protected again', async () => ({ done: (await served())[0].protect, seen: await served() }), NOTICE_MS);
    await screenshot(page, 'recordings');
    const coming = page.waitForEvent('download', { timeout: NOTICE_MS });
    await items.first().getByRole('link', { name: /^Download: door/ }).click();
    assert.match((await coming).suggestedFilename(), /^door .*\.mp4$/);
    await page.keyboard.press('k');
    await untilState(page, ['paused'], NOTICE_MS);
    await items.locator('.go').click();
    await untilShows(page, Date.parse(made.from));
    // Deleted, had back, and deleted for good.
    await act('Delete').click();
    await items.locator('.deleted-what', { hasText: 'is deleted' }).waitFor({ timeout: NOTICE_MS });
    await screenshot(page, 'recordings-deleted');
    assert.equal((await served()).length, 1, 'the server is not told yet');
    await page.keyboard.press('Enter');
    await items.locator('.go').waitFor({ timeout: NOTICE_MS });
    await act('Delete').click();
    await until('it is gone', async () => ({ done: (await items.count()) === 0 && (await served()).length === 0, seen: await served() }), 2 * NOTICE_MS);
    // What others make is there by itself.
    const body = JSON.stringify({ pre_roll_s: 5, name: 'of a script' });
    await fetch(new URL('api/recordings', server.url), { method: 'POST', body, headers: { 'content-type': 'application/json' } });
    await items.locator('.what', { hasText: 'of a script' }).waitFor({ timeout: NOTICE_MS });
    await act('Stop').click();
    await items.locator('.lasted', { hasText: / s$/ }).waitFor({ timeout: NOTICE_MS });
    // A page that goes has deleted it.
    await act('Delete').click();
    await page.goto('about:blank');
    await until('it is gone', async () => ({ done: (await served()).length === 0, seen: await served() }), NOTICE_MS);
    assert.deepEqual(seen.violations, []);
    assert.deepEqual(seen.console, []);
  });
});

test('on_a_phone_the_recordings_are_below_the_picture_and_nothing_is_cut_off', { timeout: 120_000 }, async () => {
  const ask = (path, method, body) =>
    fetch(new URL(`api/recordings${path}`, server.url), { method, body: body && JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  const names = ['a', 'x'.repeat(200), 'the front door, and who stood before it when it rang', 'd'];
  const made = await Promise.all(names.map(async (name) => (await ask('', 'POST', { pre_roll_s: 5, duration_s: 1, name })).json()));
  await onPage({ name: 'recordings-phone', browser, server, url: server.url, ...PHONE }, async ({ page, seen }) => {
    await untilState(page, ['live'], LIVE_MS);
    await page.locator('#recordings li').first().waitFor({ timeout: NOTICE_MS });
    assert.equal(await page.locator('#recordings li').count(), 3, 'the markers are not far below');
    await page.getByRole('button', { name: /^Show \d+ of \d+ older$/ }).click();
    const long = page.locator('#recordings li', { hasText: 'xxx' });
    await long.getByRole('button', { name: /^Rename: / }).click();
    assert.deepEqual(await page.locator('#recordings .what').allTextContents().then((shown) => names.filter((name) => !shown.includes(name))), []);
    await page.locator('#recordings').scrollIntoViewIfNeeded();
    await screenshot(page, 'recordings-phone');
    const wide = await page.evaluate(() => [document.documentElement, document.getElementById('markers')].map((of) => of.scrollWidth - of.clientWidth));
    assert.deepEqual(wide, [0, 0]);
    assert.deepEqual(seen.console, []);
  });
  await Promise.all(made.map(({ id }) => ask(`/${id}`, 'DELETE')));
});

test('a_page_that_holds_a_moment_holds_it_over_a_restart', { timeout: 180_000 }, async () => {
  await untilPast(server, 2 * RUN_MS);
  await onPage({ name: 'held', browser, server, url: server.url }, async ({ page }) => {
    await untilState(page, ['live'], LIVE_MS);
    const { dates } = await listed();
    const then = dates[1] + 500;
    await page.keyboard.press('k');
    await untilState(page, ['paused'], NOTICE_MS);
    await page.evaluate((ms) => (location.hash = `#t=${new Date(ms).toISOString()}`), then);
    await untilShows(page, then);
    await endServer(server, 'SIGTERM');
    server = await start(server.port);
    await untilReady(server);
    await untilState(page, ['paused'], RETURN_MS);
    await untilShows(page, then);
    const endedAt = Date.now();
    await page.keyboard.press('End');
    await untilNewer(page, endedAt, RETURN_MS);
    await untilState(page, ['live'], LIVE_MS);
  });
});
