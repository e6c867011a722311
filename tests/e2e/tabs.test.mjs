// Twelve pages in one browser, which opens six connections to a server: none may hold what another waits for.

import assert from 'node:assert/strict';
import os from 'node:os';
import { test } from 'node:test';
import { FIREFOX } from '../players/browsers.mjs';
import { startFirefox } from '../players/marionette.mjs';
import { isInstalled } from '../players/programs.mjs';
import { LIGHT, LIVE_MS, endServer, pageSays, pageTests, readStrip, startServer, stripInPage, until, untilNewer, untilReady, untilState } from './support.mjs';

const { pageTest } = pageTests();

const PAGES = 12;
/** Detection would cost what the pages need. */
const SERVER = { options: [...LIGHT, '--detect', 'none'] };
/** The most that a picture may be behind, and how long twelve decoders on two busy cores may take to get there. */
const AGE_MAX_MS = 1000;
const SETTLE_MS = 30_000;
/** How much of the cores must have been idle for late pictures to be the pages' fault: without it they take turns at the cores. */
const ROOM = 0.1;
/** Each window of a Firefox without a screen is drawn in software, by one process for all: small, and not 60 times a second. */
const SMALL = { options: ['--width', '640', '--height', '480'], preferences: { 'layout.frame_rate': 15 } };

/** What the server counts: streams of events, which each are a connection. */
async function listeners(server) {
  const status = await (await fetch(new URL('api/status', server.url))).json();
  return status.events.listeners;
}

pageTest('twelve_pages_in_one_browser_are_all_live', { server: SERVER, open: false, timeout: 240_000 }, async ({ running, browser, t }) => {
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
    await allAreLive(t, pages.map((page) => async () => ({ state: (await pageSays(page)).state, strip: await readStrip(page) })));
    assert.equal(await listeners(running.server), 1, 'one stream of events for all');
    await pages[0].close();
    const { capturedMs } = await untilNewer(pages[1], 0, LIVE_MS);
    await untilNewer(pages[1], capturedMs + AGE_MAX_MS, LIVE_MS);
  } finally {
    await context.close();
  }
});

const skip = !isInstalled(FIREFOX) && 'Firefox is not installed';

test('twelve_pages_in_one_firefox_are_all_live', { timeout: 240_000, skip }, async (t) => {
  const server = await startServer(SERVER);
  let firefox;
  try {
    await untilReady(server);
    firefox = await startFirefox(FIREFOX, SMALL);
    const windows = await openWindows(firefox, server.url);
    await allAreLive(t, windows.map((handle) => () => look(firefox, handle)));
    assert.equal(await listeners(server), 1, 'one stream of events for all');
    await firefox.command('WebDriver:SwitchToWindow', { handle: windows.shift() });
    await firefox.command('WebDriver:CloseWindow', {});
    const closedMs = Date.now();
    for (const handle of windows) {
      await until('the others play on', async () => {
        const seen = await look(firefox, handle);
        return { done: seen.state === 'live' && seen.strip?.capturedMs > closedMs, seen };
      }, SETTLE_MS);
    }
  } finally {
    await firefox?.stop();
    await endServer(server, 'SIGKILL');
  }
});

/** The pages, in windows of their own: a tab behind another one is hidden, and plays nothing. */
async function openWindows({ command }, url) {
  const windows = [await command('WebDriver:GetWindowHandle', {})];
  while (windows.length < PAGES) {
    windows.push((await command('WebDriver:NewWindow', { type: 'window' })).handle);
  }
  for (const handle of windows) {
    await command('WebDriver:SwitchToWindow', { handle });
    await command('WebDriver:Navigate', { url });
  }
  return windows;
}

/** What a window says, and the picture that it shows. */
async function look({ command }, handle) {
  await command('WebDriver:SwitchToWindow', { handle });
  const script = `return { state: document.body.dataset.state, strip: (${stripInPage})() }`;
  return command('WebDriver:ExecuteScript', { script, args: [], sandbox: null });
}

/**
 * Looks at the pages in turn until each has said that it is live with a new picture. Where the machine has no room for that, each must
 * have shown a picture that was captured after all were open: a page without a connection never does.
 */
async function allAreLive(t, looks) {
  const openMs = Date.now();
  const idleShare = idleSince(cores());
  const seen = looks.map(() => ({ ageMs: Infinity, capturedMs: 0 }));
  const ages = () => seen.map(({ ageMs }) => ageMs);
  const late = await until('every page is live with a new picture', async () => {
    for (const [n, look] of looks.entries()) {
      const { state, strip } = await look();
      if (state === 'live' && strip) {
        seen[n] = { ageMs: Math.min(seen[n].ageMs, strip.ageMs), capturedMs: strip.capturedMs };
      }
    }
    return { done: ages().every((age) => age < AGE_MAX_MS), seen: ages() };
  }, SETTLE_MS).then(() => undefined, (error) => error);
  const idle = idleShare();
  t.diagnostic(`youngest pictures: ${ages().join(' ')} ms; cores idle: ${Math.round(idle * 100)} %`);
  assert.ok(!late || (idle < ROOM && seen.every(({ capturedMs }) => capturedMs > openMs)), late);
}

/** How long the cores have been idle, and how long they have been. */
function cores() {
  const times = os.cpus().map((core) => core.times);
  return { idle: times.reduce((sum, { idle }) => sum + idle, 0), all: times.flatMap(Object.values).reduce((sum, ms) => sum + ms, 0) };
}

/** Gives the share of the cores' time since then in which they were idle. */
function idleSince(then) {
  return () => {
    const now = cores();
    return (now.idle - then.idle) / (now.all - then.all);
  };
}
