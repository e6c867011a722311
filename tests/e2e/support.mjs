// Starts the real binary and a real browser, and reads the clock strip from the picture.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const BINARY = process.env.HLSCAM_BIN ?? path.join(ROOT, 'target/debug/hlscam');
const ARTIFACTS = process.env.E2E_ARTIFACTS ?? path.join(ROOT, 'target/e2e');
const BROWSERS = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Start-up of the server, in a debug build on a busy machine. */
const START_MS = 60_000;
/** How often a condition is looked at. */
const POLL_MS = 100;

/** From opening the page to a live picture, on a busy machine. */
export const LIVE_MS = 40_000;
/** From the server's end to the page's saying so, and from its return to a picture. */
export const NOTICE_MS = 20_000;
export const RETURN_MS = 60_000;
/** The most that a viewer on the same machine may be behind. */
export const LATENCY_MAX_MS = 3000;
/** What there is to go back to where tests share a server. */
const SHARED_PAST_MS = 12_000;
/** A name that is not this machine's own for the page, and leads to it all the same. */
export const FOREIGN_NAME = 'camera.test';

export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

/** Waits until `check` gives something true, and returns it; fails with what was last seen. */
export async function until(what, check, deadlineMs) {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const { done, seen } = await check();
    if (done) {
      return seen;
    }
    if (performance.now() > end) {
      throw new Error(`${what}: not within ${deadlineMs / 1000} s; last seen: ${JSON.stringify(seen)}`);
    }
    await sleep(POLL_MS);
  }
}

/** Options for a picture that costs little, so that a busy machine neither repeats frames nor loses the source. */
export const LIGHT = ['--size', '320x240', '--fps', '10'];

/** A page of the server's own origin lends its address only; the policy of ours would forbid the script. */
export const FOREIGN_PLAYER = { query: 'healthz', bypassCSP: true };

/** As a user starts it who gives no options: a busy machine needs all that it has for one page of this. */
export const FULL = [];

/** A running server. `port` 0 lets the system choose; `env` comes on top of ours. */
export async function startServer({ device = 'test', port = 0, options = LIGHT, env = {}, startMs = START_MS } = {}) {
  if (!existsSync(BINARY)) {
    throw new Error(`no binary at ${BINARY}: build it with \`cargo build\`, or set HLSCAM_BIN`);
  }
  const child = spawn(BINARY, ['--device', device, '--port', String(port), ...options], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } });
  const server = { child, log: '', url: '', port: 0, exited: once(child, 'exit') };
  child.stderr.setEncoding('utf8').on('data', (text) => (server.log += text));
  server.url = await until(
    'the server prints its address',
    () => {
      if (child.exitCode !== null) {
        throw new Error(`the server ended with exit code ${child.exitCode}:\n${server.log}`);
      }
      const seen = server.log.match(/https?:\/\/127\.0\.0\.1:\d+\//)?.[0];
      return { done: seen !== undefined, seen: seen ?? server.log };
    },
    startMs,
  );
  server.port = Number(new URL(server.url).port);
  return server;
}

/** Waits until a player that comes now gets a picture: what it asks before is answered 503, which the browser logs as an error. */
export function untilReady(server) {
  const ask = async () => {
    const answer = await fetch(new URL('readyz', server.url));
    return { done: answer.ok, seen: await answer.text() };
  };
  return until('the stream is ready', ask, START_MS);
}

/** Waits until there is so much of a past to go back to. */
export function untilPast(server, ms) {
  return until('there is a past', async () => {
    const status = await (await fetch(new URL('api/status', server.url))).json();
    return { done: status.window.span_s * 1000 > ms, seen: status.window };
  }, START_MS + ms);
}

/** Sends a signal, waits for the end, and gives the exit code (null when the signal itself ended it). */
export async function endServer({ child, exited }, signal) {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill(signal);
  }
  const [code] = await exited;
  return code;
}

/** A browser; `env` comes on top of ours, `more` on its command line. Autoplay is left to the browser's own rule, which every real viewer meets: only muted video begins by itself. */
export async function startBrowser(env = {}, more = []) {
  const executablePath = BROWSERS.find((candidate) => candidate && existsSync(candidate));
  if (executablePath === undefined) {
    throw new Error('no Chromium found: install the package chromium, or set CHROMIUM to the path of the browser');
  }
  return chromium.launch({
    executablePath,
    env: { ...process.env, ...env },
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', `--host-resolver-rules=MAP ${FOREIGN_NAME} 127.0.0.1`, '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows', ...more],
  });
}

/** Opens the page and keeps note of everything that went wrong in it. */
export async function openPage(browser, url, options = {}) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
  const seen = { console: [], hosts: new Set(), violations: [] };
  page.on('console', (message) => message.type() === 'error' && seen.console.push(message.text()));
  page.on('pageerror', (error) => seen.console.push(String(error)));
  page.on('request', (request) => request.url().startsWith('http') && seen.hosts.add(new URL(request.url()).host));
  await page.exposeFunction('reportViolation', (violation) => seen.violations.push(violation));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => window.reportViolation(`${event.violatedDirective}: ${event.blockedURI}`));
  });
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  return { page, seen };
}

/** What the page says of itself. */
export function pageSays(page) {
  return page.evaluate(() => ({
    state: document.body.dataset.state,
    sentence: document.getElementById('status').textContent,
    badge: document.getElementById('badge').innerText.replace(/\s+/g, ' ').trim(),
    latencyMs: Number(document.body.dataset.latencyMs || NaN),
    position: document.getElementById('video').currentTime,
    rate: document.getElementById('video').playbackRate,
  }));
}

/** Waits for one of the states. */
export function untilState(page, states, deadlineMs) {
  return until(
    `the page says ${states.join(' or ')}`,
    async () => {
      const seen = await pageSays(page);
      return { done: states.includes(seen.state), seen };
    },
    deadlineMs,
  );
}

/** Reads the clock strip of the frame on the screen, or of a canvas or image; runs in the page, so it knows nothing but what is in it. */
export function stripInPage(selector = 'video#video, #video video') {
  const [columns, rows, side] = [24, 4, 4];
  // video.js wraps the element, and the wrapper takes its name.
  const video = document.querySelector(selector);
  const width = video?.videoWidth ?? video?.naturalWidth ?? video?.width;
  if (!width) {
    return null;
  }
  const canvas = Object.assign(document.createElement('canvas'), { width: columns * side, height: rows * side });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const cell = width / 40;
  context.drawImage(video, 0, 0, columns * cell, rows * cell, 0, 0, canvas.width, canvas.height);
  const now = Date.now();
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const words = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => {
      const at = 4 * ((row * side + side / 2) * canvas.width + column * side + side / 2);
      return data[at] > 127 ? 1 : 0;
    }).reduce((word, bit) => word * 2 + bit, 0));
  const capturedMs = words[0] * 2 ** 24 + words[1];
  const valid = (words[0] ^ words[1] ^ words[2]) === words[3] && capturedMs > 1.5e12 && capturedMs < 2.5e12;
  return valid ? { capturedMs, number: words[2], ageMs: now - capturedMs } : null;
}

/** The clock strip of the frame on the screen: `{ capturedMs, number, ageMs }`, or null where it cannot be read. */
export function readStrip(page, selector = undefined) {
  return page.evaluate(stripInPage, selector);
}

/** Waits for a frame that is newer than the one given, and returns its strip. */
export function untilNewer(page, than, deadlineMs) {
  return until(
    'a newer frame is shown',
    async () => {
      const seen = await readStrip(page);
      return { done: seen !== null && seen.capturedMs > than, seen };
    },
    deadlineMs,
  );
}

/** How long the page has to find its distance and to keep it, and how many of the last looks have to show it. */
const SETTLE_MS = 80_000;
const LOOKS = 50;

/** Waits until the middle of the last ages of the picture is that small: a page that rests behind for good never gets there. */
export function untilAge(page, mostMs) {
  const ages = [];
  return until(`the picture is at most ${mostMs} ms old`, async () => {
    ages.push((await readStrip(page))?.ageMs ?? Infinity);
    const middle = ages.slice(-LOOKS).sort((a, b) => a - b)[LOOKS / 2];
    return { done: ages.length >= LOOKS && middle <= mostMs, seen: middle };
  }, SETTLE_MS);
}

/** The place of an element that has stopped moving: a page that has just loaded something, or was scrolled, still does for a while. */
async function untilStill(element) {
  await element.scrollIntoViewIfNeeded();
  let last = null;
  return until('it stands still', async () => {
    const [before, seen] = [last, await element.boundingBox()];
    last = seen;
    return { done: seen !== null && JSON.stringify(seen) === JSON.stringify(before), seen };
  }, NOTICE_MS);
}

/** Drags out a stretch on the bar, from one share of its width by way of others to the last, and waits until it is there. */
export async function dragStretch(page, ...shares) {
  const { x, y, width, height } = await untilStill(page.locator('#seek'));
  const [first, ...others] = shares.map((share) => [x + width * share, y + height * 0.8]);
  await page.keyboard.down('Shift');
  await page.mouse.move(...first);
  await page.mouse.down();
  for (const place of others) {
    await page.mouse.move(...place);
  }
  await page.mouse.up();
  await page.keyboard.up('Shift');
  await page.locator('#stretch').waitFor({ timeout: NOTICE_MS });
}

/** How long a film lasts, in seconds. */
export function durationOf(file) {
  return Number(execFileSync('ffprobe', ['-v', 'error', '-show_entries', 'format=duration', '-of', 'default=nk=1:nw=1', file]));
}

/** Keeps a picture of the page. */
export async function screenshot(page, name) {
  mkdirSync(ARTIFACTS, { recursive: true });
  await page.screenshot({ path: path.join(ARTIFACTS, `${name}.png`) });
}

/** Keeps what helps to understand a failure. */
export async function keepEvidence(name, page, seen, server) {
  mkdirSync(ARTIFACTS, { recursive: true });
  const says = await pageSays(page).catch((error) => String(error));
  const facts = { says, console: seen.console, violations: seen.violations, hosts: [...seen.hosts] };
  writeFileSync(path.join(ARTIFACTS, `${name}.failed.txt`), `${JSON.stringify(facts, null, 2)}\n\n${server?.log ?? ''}`);
  await screenshot(page, `${name}.failed`).catch(() => {});
}

/** Runs `body` on a page of its own, of a browser and a server that others use too, and keeps evidence when it fails. */
export async function onPage({ name, browser, server, url, ...options }, body) {
  const opened = await openPage(browser, url, options);
  try {
    await body(opened);
  } catch (error) {
    await keepEvidence(name, opened.page, opened.seen, server);
    throw error;
  } finally {
    await opened.page.close();
  }
}

/**
 * Makes tests that share a browser. Each has a server and a page of its own, leaves no process behind, and keeps evidence when it fails.
 * `server` is what startServer takes. `open: false` leaves the opening to the test; `query` is added to the address, and FOREIGN_PLAYER
 * are the options for a player that is not ours.
 */
export function pageTests() {
  const shared = { browser: null };
  before(async () => (shared.browser = await startBrowser()));
  after(() => shared.browser?.close());
  const pageTest = (name, { server, query = '', open = true, timeout = 240_000, ...options }, body) =>
    test(name, { timeout }, async (t) => {
      const running = { server: await startServer(server) };
      let opened;
      try {
        await untilReady(running.server);
        opened = open ? await openPage(shared.browser, running.server.url + query, options) : undefined;
        await body({ ...opened, running, browser: shared.browser, t });
      } catch (error) {
        if (opened) {
          await keepEvidence(name, opened.page, opened.seen, running.server);
        }
        throw error;
      } finally {
        await opened?.page.context().close();
        await endServer(running.server, 'SIGKILL');
      }
    });
  return { pageTest, shared };
}

/**
 * One browser and one server for all tests of a file, with something to go back to before the first of them begins.
 * @param told called with both once they run
 */
export function withOneServer(told) {
  const started = { browser: undefined, server: undefined };
  before(async () => {
    [started.browser, started.server] = await Promise.all([startBrowser(), startServer({ options: LIGHT })]);
    told(started);
    await untilReady(started.server);
    await untilPast(started.server, SHARED_PAST_MS);
  });
  after(async () => {
    await started.browser?.close();
    if (started.server) {
      await endServer(started.server, 'SIGKILL');
    }
  });
}

/** A reverse proxy that serves `target` under `prefix` and nothing else, as one in front of several programs does. */
export async function startProxy(target, prefix) {
  const proxy = http.createServer((request, response) => {
    if (!request.url.startsWith(prefix)) {
      response.writeHead(404).end('nothing of ours is here');
      return;
    }
    const url = new URL(request.url.slice(prefix.length), target);
    const onward = http.request(url, { method: request.method, headers: { ...request.headers, host: url.host } }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.writeHead(502).end());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  await listen(proxy);
  return { url: `http://127.0.0.1:${proxy.address().port}${prefix}`, end: () => end(proxy) };
}

/** A page of somebody else, on an origin of its own. */
export async function startSite(html) {
  const site = http.createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(html));
  await listen(site);
  return { url: `http://127.0.0.1:${site.address().port}/`, end: () => end(site) };
}

function listen(server) {
  return new Promise((done) => server.listen(0, '127.0.0.1', done));
}

function end(server) {
  server.closeAllConnections();
  return new Promise((done) => server.close(done));
}
