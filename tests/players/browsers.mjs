// Players that are scripts: each in a page of its own, in Chromium or Firefox.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { openPage, readStrip, stripInPage } from '../e2e/support.mjs';
import { startFirefox } from './marionette.mjs';
import { isInstalled } from './programs.mjs';

/** Debian's is the one with long support. */
export const FIREFOX = isInstalled('firefox-esr') ? 'firefox-esr' : 'firefox';

const E2E = new URL('../e2e/node_modules/', import.meta.url);
const WEB = new URL('../../web/node_modules/', import.meta.url);

/** The scripts, from npm at the versions of the lock files. */
export const SCRIPTS = {
  'hls.js': { folder: WEB, module: 'hls.js', file: 'dist/hls.min.js' },
  'dash.js': { folder: E2E, module: 'dashjs', file: 'dist/modern/umd/dash.mediaplayer.min.js' },
  'Shaka Player': { folder: E2E, module: 'shaka-player', file: 'dist/shaka-player.compiled.js' },
  'video.js': { folder: E2E, module: 'video.js', file: 'dist/video.min.js' },
};

/** What a script says it is. */
export function scriptVersion(name) {
  const { folder, module } = SCRIPTS[name];
  return JSON.parse(readFileSync(new URL(`${module}/package.json`, folder), 'utf8')).version;
}

/** Serves a page that is not ours, which plays what its address says: other people's players are on other people's pages. */
export async function startHost() {
  const server = createServer((request, answer) => {
    const { pathname } = new URL(request.url, 'http://host');
    const script = SCRIPTS[decodeURIComponent(pathname.slice(1))];
    if (pathname === '/page.html') {
      answer.writeHead(200, { 'content-type': 'text/html' }).end(readFileSync(fileURLToPath(new URL('page.html', import.meta.url))));
    } else if (script) {
      answer.writeHead(200, { 'content-type': 'text/javascript' }).end(readFileSync(new URL(`${script.module}/${script.file}`, script.folder)));
    } else {
      answer.writeHead(204).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: (player, url, more = {}) => `http://127.0.0.1:${server.address().port}/page.html?${new URLSearchParams({ player, script: player, url, ...more })}`,
    stop: () => server.close().closeAllConnections?.(),
  };
}

/** Sets the page's wall clock to so many ms from the right time; runs in the page. */
function shiftClock(ms) {
  window.RightDate ??= Date;
  const now = () => window.RightDate.now() + ms;
  window.Date = class extends window.RightDate {
    constructor(...asked) {
      super(...(asked.length > 0 ? asked : [now()]));
    }

    static now() {
      return now();
    }
  };
}

/** Plays an address in Chromium, in a context of its own: contexts do not share the six connections that a host gets. */
export async function playInChromium(browser, address) {
  const { page, seen } = await openPage(browser, address);
  return {
    read: () => readStrip(page),
    errors: async () => [...(await page.evaluate(() => window.failures ?? [])), ...seen.console],
    setClock: (ms) => page.evaluate(shiftClock, ms),
    wasLate: () => page.evaluate(() => window.wasLate === true),
    stop: () => page.close(),
  };
}

/** Plays an address in Firefox, in a process of its own. */
export async function playInFirefox(binary, address) {
  const { command, stop } = await startFirefox(binary);
  const run = (script) => command('WebDriver:ExecuteScript', { script: `return (${script})()`, args: [], sandbox: null });
  await command('WebDriver:Navigate', { url: address });
  return {
    read: () => run(stripInPage),
    errors: () => run(() => window.failures ?? []),
    stop,
  };
}
