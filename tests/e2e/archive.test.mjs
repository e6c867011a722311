// A window that is longer than what the playlists list, in a real browser: the page goes back into the archive, plays out of it again, and
// nobody notices.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readTemplates, writeHistory } from './long-history.mjs';
import {
  LIGHT, LIVE_MS, NOTICE_MS, RETURN_MS, dragStretch, durationOf, endServer, onPage, pageSays, readStrip, screenshot, startBrowser, startServer, until, untilPast,
  untilReady, untilState,
} from './support.mjs';

const HOUR_MS = 3_600_000;
/** A frame of 10 per second, and half of one for the grid. */
const FRAME_ERROR_MS = 150;
/** Aim for 300 ms on a quiet machine; a busy one gets more. */
const SEEK_MAX_MS = 3000;
/** Ten minutes of yesterday, and six hours up to now: more than the playlists list of a window of more than a day. */
const SEGMENT_MS = 5000;
const OLD = { segments: 120, agoMs: 9 * HOUR_MS };
const NEW = { segments: 4400 };
const SMALL = [...LIGHT, '--detect', 'none', '--bitrate', '60k'];

const root = mkdtempSync(join(tmpdir(), 'hlscam-archive-'));
const storage = join(root, 'long');
let browser;
let server;
let old;
let newFrom;
let capturedAt;

before(async () => {
  const seed = join(root, 'seed');
  let seeding;
  [browser, seeding] = await Promise.all([startBrowser(), startServer({ options: [...SMALL, '--segment', '5s', '--storage', seed, '--window', '2m'] })]);
  // Two whole segments: the first of a run may be shorter.
  await untilPast(seeding, 14_000);
  await endServer(seeding, 'SIGTERM');
  const templates = readTemplates(join(seed, 'cam'));
  const whole = ({ header }) => header.groups.reduce((sum, [ticks]) => sum + ticks, 0) === SEGMENT_MS * 90;
  templates.templates = templates.templates.filter(whole);
  const now = Date.now();
  old = { from: now - OLD.agoMs, to: now - OLD.agoMs + OLD.segments * SEGMENT_MS };
  newFrom = now - NEW.segments * SEGMENT_MS - 20_000;
  const stretches = [{ startMs: old.from, segments: OLD.segments }, { startMs: newFrom, segments: NEW.segments }];
  ({ capturedAt } = writeHistory(join(storage, 'cam'), templates, stretches));
  server = await startServer({ options: [...SMALL, '--storage', storage, '--window', '7d', '--min-free', '0'] });
  await untilReady(server);
});
after(async () => {
  await browser?.close();
  if (server) {
    await endServer(server, 'SIGKILL');
  }
  rmSync(root, { recursive: true, force: true });
});

const get = (path) => fetch(new URL(path, server.url));
const iso = (ms) => new Date(ms).toISOString();

/** Goes to a moment, and gives how long it took until its picture was on the screen. */
async function seek(page, ms) {
  const began = performance.now();
  await page.evaluate((hash) => (location.hash = hash), `#t=${iso(ms)}`);
  return until(`shows ${iso(ms)}`, async () => {
    const strip = await readStrip(page);
    const tookMs = performance.now() - began;
    const offMs = strip && strip.capturedMs - capturedAt(ms);
    // The picture plays on while it is looked at.
    return { done: offMs !== null && offMs >= -FRAME_ERROR_MS && offMs <= tookMs + FRAME_ERROR_MS, seen: { tookMs, offMs, ...(await pageSays(page)) } };
  }, NOTICE_MS).then(({ tookMs }) => tookMs);
}

test('what_the_playlists_list_no_longer_is_in_the_archive', { timeout: 120_000 }, async () => {
  const { footage, listed_from: listedFrom, disk } = await (await get('api/history')).json();
  assert.ok(Math.abs(Date.parse(footage[0].from) - old.from) < 1000 && Math.abs(Date.parse(footage[0].to) - old.to) < 1000, JSON.stringify(footage));
  assert.equal(disk.window_s, 7 * 24 * 3600);
  const listedH = (Date.now() - Date.parse(listedFrom)) / HOUR_MS;
  assert.ok(listedH > 5.9 && listedH < 6.2, `the playlists list ${listedH} h`);
  const answer = await get(`cam/archive.m3u8?from=${iso(old.from + 65_000)}&to=${iso(old.from + 125_000)}`);
  assert.equal(answer.headers.get('content-type'), 'application/vnd.apple.mpegurl');
  const text = await answer.text();
  const names = text.match(/^seg-.*$/gm);
  assert.equal(names.length, 12, text);
  assert.match(text, /#EXT-X-PLAYLIST-TYPE:VOD\n/);
  assert.match(text, /#EXT-X-ENDLIST\n$/);
  const segment = await get(`cam/${names[0]}`);
  assert.deepEqual([segment.status, segment.headers.get('cache-control')], [200, 'max-age=600, immutable']);
  const whole = Buffer.from(await segment.arrayBuffer());
  assert.equal(whole.toString('latin1', 4, 8), 'styp');
  const part = await fetch(new URL(`cam/${names[0]}`, server.url), { headers: { range: 'bytes=4-7' } });
  assert.deepEqual([part.status, await part.text()], [206, 'styp']);
  assert.equal((await get(`cam/${text.match(/#EXT-X-MAP:URI="(.*)"/)[1]}`)).status, 200);
  assert.equal((await get(`cam/${names[0].replace('madeup0', 'madeup1')}`)).status, 404, 'of a run that never wrote it');
  const growing = await (await get(`cam/archive.m3u8?from=${iso(Date.now() - 60_000)}`)).text();
  assert.match(growing, /#EXT-X-PLAYLIST-TYPE:EVENT\n/);
  assert.ok(!growing.includes('#EXT-X-ENDLIST'));
  const nothing = await get(`cam/archive.m3u8?from=${iso(old.from - HOUR_MS)}&to=${iso(old.from - HOUR_MS / 2)}`);
  assert.equal(nothing.status, 404);
  assert.match(await nothing.text(), /^there is no footage of that time; there is some from .* to .*\n$/);
  const clip = await get(`cam/clip.mp4?from=${iso(old.from + 3000)}&to=${iso(old.from + 13_000)}`);
  assert.deepEqual([clip.status, (await clip.arrayBuffer()).byteLength], [200, Number(clip.headers.get('content-length'))]);
});

test('a_link_to_an_archived_moment_opens_it', { timeout: 120_000 }, async () => {
  const asked = old.from + 123_400;
  await onPage({ name: 'archive-link', browser, server, url: `${server.url}#t=${iso(asked)}` }, async ({ page, seen }) => {
    await until('the page shows the moment of its link', async () => {
      const strip = await readStrip(page);
      const offMs = strip && strip.capturedMs - capturedAt(asked);
      return { done: offMs !== null && offMs >= -FRAME_ERROR_MS && offMs < LIVE_MS, seen: { offMs, ...(await pageSays(page)) } };
    }, LIVE_MS);
    assert.deepEqual(seen.console, []);
  });
});

/** A zone where it is seven in the morning: nine hours ago was yesterday. */
function zoneOfMorning() {
  const ahead = ((7 - new Date().getUTCHours() + 36) % 24) - 12;
  return ahead === 0 ? 'Etc/GMT' : `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`;
}

test('the_days_are_listed_with_what_there_is_of_them_and_lead_to_their_footage', { timeout: 120_000 }, async () => {
  await onPage({ name: 'days', browser, server, url: server.url, timezoneId: zoneOfMorning(), acceptDownloads: true }, async ({ page, seen }) => {
    await untilState(page, ['live'], LIVE_MS);
    const days = page.locator('#days li');
    await days.nth(1).waitFor({ timeout: NOTICE_MS });
    assert.deepEqual(await days.locator('.lasted').allInnerTexts(), ['6 h', '10 min']);
    assert.equal(await days.nth(1).locator('.day-covered').count(), 1);
    await screenshot(page, 'days');
    await days.nth(1).getByRole('button').click();
    await until('yesterday is shown', async () => {
      const strip = await readStrip(page);
      const offMs = strip && strip.capturedMs - capturedAt(old.from);
      return { done: offMs !== null && offMs >= -FRAME_ERROR_MS && offMs < NOTICE_MS, seen: { offMs, ...(await pageSays(page)) } };
    }, NOTICE_MS);
    // The bar shows eight or nine hours; of the last six there is footage.
    await dragStretch(page, 0.2, 0.4, 0.8);
    assert.match(await page.locator('#stretch-text').innerText(), /^[45] h \d+ min from /);
    const coming = page.waitForEvent('download', { timeout: NOTICE_MS });
    await page.getByRole('button', { name: 'Time-lapse' }).click();
    const download = await coming;
    const speed = new URL(download.url()).searchParams.get('speed');
    const file = join(root, 'lapse.mp4');
    await download.saveAs(file);
    const lasts = durationOf(file);
    assert.ok(Number(speed) >= 300 && lasts > 20 && lasts <= 60, `${lasts} s, ${speed} times as fast`);
    assert.deepEqual(seen.violations, []);
    assert.deepEqual(seen.console, []);
  });
});

test('the_page_goes_back_into_the_archive_and_plays_out_of_it_again', { timeout: 180_000 }, async () => {
  await onPage({ name: 'archive', browser, server, url: server.url }, async ({ page, seen }) => {
    await untilState(page, ['live'], LIVE_MS);
    const took = [];
    for (let n = 0; n < 8; n += 1) {
      took.push(await seek(page, old.from + 10_000 + Math.round(((n * 0.618_034) % 1) * 500_000)));
      // Within the archive and out of it: every second time from the stream's own playlist.
      if (n % 2 === 1) {
        await seek(page, Date.now() - 2 * HOUR_MS);
      }
    }
    took.sort((a, b) => a - b);
    console.log(`seeks into the archive: median ${Math.round(took[4])} ms, longest ${Math.round(took.at(-1))} ms`);
    assert.ok(took[4] <= SEEK_MAX_MS, `seeks take ${took} ms`);
    await until('the preview has a picture', async () => {
      // The bar gets narrower when the time beside it gets longer.
      const { width } = await page.locator('#seek').boundingBox();
      await page.locator('#seek').hover({ position: { x: (width * (old.to - 200_000 - old.from)) / (Date.now() - old.from), y: 30 } });
      const strip = (await page.locator('#preview canvas').isVisible()) ? await readStrip(page, '#preview canvas') : null;
      return { done: strip !== null, seen: strip };
    }, NOTICE_MS);
    await screenshot(page, 'archive');
    // Over the end of the old footage: the next there is follows.
    await seek(page, old.to - 3000);
    await until('the page plays on behind the gap', async () => {
      const seen = await pageSays(page);
      const strip = await readStrip(page);
      const first = capturedAt(newFrom);
      return { done: strip !== null && Math.abs(strip.capturedMs - first) < 10_000 && seen.state === 'behind', seen: { ...seen, strip } };
    }, RETURN_MS);
    await page.keyboard.press('Home');
    await until('Home is the oldest picture', async () => {
      const strip = await readStrip(page);
      const offMs = strip && strip.capturedMs - capturedAt(old.from);
      return { done: offMs !== null && offMs < 5000, seen: { offMs, ...(await pageSays(page)) } };
    }, NOTICE_MS);
    await page.keyboard.press('End');
    await untilState(page, ['live'], LIVE_MS);
    assert.deepEqual(seen.violations, []);
    assert.deepEqual(seen.console, []);
  });
});
