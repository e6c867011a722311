// The page over links that are not this machine's own: far away, thin, or with something between that keeps answers until they are whole.

import assert from 'node:assert/strict';
import { LIGHT, LIVE_MS, openPage, pageSays, pageTests, readStrip, until, untilAge, untilNewer, untilState } from './support.mjs';

const { pageTest } = pageTests();

/** How long the page is watched where its requests are counted. */
const WATCHED_MS = 5000;

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
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  return page;
}

/** How long the page has to find out that a link is too thin, with what it loads first. */
const THIN_MS = 60_000;
/** A stream of ten times what the link carries; its key frames are some 20 kilobytes. */
const THIN = { latency: 50, megabits: 0.3 };
/** Until a picture is shown on it, and until the next; it is asked for every 2 s, and takes about one. */
const STILL_MS = 30_000;

for (const link of LINKS) {
  const { latency, megabits, mostMs, options = [] } = link;
  pageTest(`is_live_over_${latency}_ms_and_${megabits}_mbit`, { server: { options: [...LIGHT, '--detect', 'none', '--part', '100ms', ...options] }, open: false }, async ({ running, browser }) => {
    const page = await openOver(browser, running.server.url, link);
    try {
      await untilState(page, ['live'], LIVE_MS);
      await untilAge(page, mostMs);
    } finally {
      await page.context().close();
    }
  });
}

pageTest('says_that_a_link_is_too_thin_and_shows_pictures_on_it_and_the_stream_once_it_is_wide', { server: { options: ['--detect', 'none', '--size', '640x480', '--bitrate', '3M'] }, open: false }, async ({ running, browser }) => {
  const page = await openOver(browser, running.server.url, { latency: 0, megabits: 100 });
  const cdp = await page.context().newCDPSession(page);
  const throttle = ({ latency, megabits }) =>
    cdp.send('Network.emulateNetworkConditions', { offline: false, latency, downloadThroughput: megabits * MEGABIT, uploadThroughput: megabits * MEGABIT });
  try {
    await untilState(page, ['live'], LIVE_MS);
    await cdp.send('Network.enable');
    await throttle(THIN);
    await until('the page offers pictures', async () => {
      const seen = { says: await pageSays(page), offered: await page.locator('#to-stills').isVisible() };
      return { done: seen.offered && seen.says.sentence === 'The link is too thin for the stream.', seen };
    }, THIN_MS);
    await page.locator('#to-stills').click();
    const first = await untilStill(page, 0);
    await untilStill(page, first);
    const { state, badge, sentence } = await pageSays(page);
    assert.equal(state, 'stills');
    assert.match(badge, /^Pictures \d/i);
    assert.equal(sentence, 'The link is too thin for the stream: a picture comes every 2 s.');
    await throttle({ latency: 0, megabits: 100 });
    await page.locator('#to-stream').click();
    await untilState(page, ['live'], LIVE_MS);
    assert.equal(await page.locator('#still').isVisible(), false);
  } finally {
    await page.context().close();
  }
});

/** Waits for a still that is newer than that moment, and gives its own. */
async function untilStill(page, thanMs) {
  const seen = await until('another picture is shown', async () => {
    const strip = await readStrip(page, 'canvas#still');
    return { done: strip !== null && strip.capturedMs > thanMs, seen: { ...strip, says: await pageSays(page) } };
  }, STILL_MS);
  return seen.capturedMs;
}

/** Requests one after the other until there is something to decode: the page, its scripts, the multivariant playlist, the media playlist, the init segment. */
const ROUNDS = 5;

pageTest('a_first_picture_takes_five_round_trips', { server: { options: [...LIGHT, '--detect', 'none'] }, open: false }, async ({ running, browser }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  // How many answers each request had to wait for, one after the other, of those that lead to the picture.
  const [asked, whole] = [new Map(), []];
  const leads = (url) => !/\/(api|time|icon|seg-|part-)|[?]_HLS|^blob:/.test(url);
  page.on('request', (request) => leads(request.url()) && asked.set(request, 1 + Math.max(0, ...whole)));
  page.on('requestfinished', (request) => asked.has(request) && whole.push(asked.get(request)));
  try {
    await page.goto(running.server.url, { waitUntil: 'commit' });
    await untilNewer(page, 0, LIVE_MS);
    const rounds = [...asked].map(([request, round]) => [round, new URL(request.url()).pathname]);
    const inits = rounds.filter(([, path]) => path.includes('/init-'));
    assert.ok(inits.length > 0 && inits.every(([round]) => round <= ROUNDS), JSON.stringify(rounds));
  } finally {
    await context.close();
  }
});

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
