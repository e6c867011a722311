// The page over links that are not this machine's own: far away, thin, or with something between that keeps answers until they are whole.

import assert from 'node:assert/strict';
import { LIGHT, LIVE_MS, openPage, pageTests, readStrip, until, untilNewer, untilState } from './support.mjs';

const { pageTest } = pageTests();

/** How long the page has to find its distance, and how long it is watched then. */
const SETTLE_MS = 20_000;
const WATCHED_MS = 5000;
const LOOKS = 50;
const LOOKS_MS = 30_000;

const MEGABIT = 1e6 / 8;

/** Round trips in ms, megabits per second, and how old the picture may be. */
const LINKS = [
  { latency: 100, megabits: 20, mostMs: 600 },
  { latency: 180, megabits: 20, mostMs: 900 },
  { latency: 300, megabits: 20, mostMs: 1300 },
  { latency: 300, megabits: 1.5, mostMs: 2000, options: ['--bitrate', '600k'] },
];

/** The page over such a link. */
async function openOver(browser, url, { latency, megabits }) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  await cdp.send('Network.enable');
  await cdp.send('Network.emulateNetworkConditions', { offline: false, latency, downloadThroughput: megabits * MEGABIT, uploadThroughput: megabits * MEGABIT });
  await page.goto(url, { waitUntil: 'commit' });
  return page;
}

/** The middle of the ages of the picture. */
async function medianAge(page) {
  const ages = [];
  await until('enough was seen', async () => {
    ages.push((await readStrip(page))?.ageMs ?? Infinity);
    return { done: ages.length >= LOOKS, seen: ages };
  }, LOOKS_MS);
  return ages.sort((a, b) => a - b)[LOOKS / 2];
}

for (const link of LINKS) {
  const { latency, megabits, mostMs, options = [] } = link;
  pageTest(`is_live_over_${latency}_ms_and_${megabits}_mbit`, { server: { options: [...LIGHT, '--detect', 'none', '--part', '100ms', ...options] }, open: false }, async ({ running, browser }) => {
    const page = await openOver(browser, running.server.url, link);
    try {
      await untilState(page, ['live'], LIVE_MS);
      await until('the page has found its distance', async () => {
        const seen = (await readStrip(page))?.ageMs;
        return { done: seen < mostMs, seen };
      }, SETTLE_MS);
      const age = await medianAge(page);
      assert.ok(age <= mostMs, `${age} ms`);
    } finally {
      await page.context().close();
    }
  });
}

pageTest('asks_twice_for_each_segment_and_not_for_each_part', { server: { options: [...LIGHT, '--detect', 'none'] }, open: false }, async ({ running, browser }) => {
  const { page } = await openPage(browser, running.server.url);
  await untilState(page, ['live'], LIVE_MS);
  const { capturedMs } = await untilNewer(page, 0, LIVE_MS);
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await untilNewer(page, capturedMs + WATCHED_MS, LIVE_MS);
  const stream = asked.filter((path) => path.startsWith('/cam/'));
  assert.ok(stream.length > 2 && stream.length <= 8, stream.join('\n'));
  await page.context().close();
});
