// Twelve pages in one browser, which opens six connections to a server: none may hold what another waits for.

import assert from 'node:assert/strict';
import { LIGHT, LIVE_MS, pageTests, readStrip, until, untilNewer, untilState } from './support.mjs';

const { pageTest } = pageTests();

const PAGES = 12;
/** Detection would cost what the pages need. */
const SERVER = { options: [...LIGHT, '--detect', 'none'] };
/** The most that a picture may be behind, and how long twelve decoders on two busy cores may take to get there. */
const AGE_MAX_MS = 1000;
const SETTLE_MS = 60_000;

/** What the server counts: streams of events, which each are a connection. */
async function listeners(server) {
  const status = await (await fetch(new URL('api/status', server.url))).json();
  return status.events.listeners;
}

pageTest('twelve_pages_in_one_browser_are_all_live', { server: SERVER, open: false, timeout: 240_000 }, async ({ running, browser }) => {
  const context = await browser.newContext({ viewport: { width: 640, height: 480 } });
  try {
    const pages = [];
    for (let i = 0; i < PAGES; i += 1) {
      const page = await context.newPage();
      await page.goto(running.server.url);
      pages.push(page);
    }
    for (const page of pages) {
      await untilState(page, ['live'], LIVE_MS);
    }
    await until('every picture is new', async () => {
      const seen = await Promise.all(pages.map(async (page) => (await readStrip(page))?.ageMs));
      return { done: seen.every((age) => age < AGE_MAX_MS), seen };
    }, SETTLE_MS);
    assert.equal(await listeners(running.server), 1, 'one stream of events for all');
    await pages[0].close();
    const { capturedMs } = await untilNewer(pages[1], 0, LIVE_MS);
    await untilNewer(pages[1], capturedMs + AGE_MAX_MS, LIVE_MS);
  } finally {
    await context.close();
  }
});
