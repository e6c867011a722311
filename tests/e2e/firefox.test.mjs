// The viewer page in the system's own Firefox.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIREFOX } from '../players/browsers.mjs';
import { startFirefox } from '../players/marionette.mjs';
import { isInstalled } from '../players/programs.mjs';
import { LIVE_MS, NOTICE_MS, RETURN_MS, endServer, startServer, stripInPage, until, untilReady } from './support.mjs';

/** From opening the page to its `load`, which ends the tab's spinner: nothing that the server holds may be asked for before it. */
const LOAD_MS = 5000;

const skip = !isInstalled(FIREFOX) && 'Firefox is not installed';

test('plays_live_in_firefox_and_again_after_the_server_was_killed_and_restarted', { timeout: 240_000, skip }, async () => {
  let server = await startServer();
  let firefox;
  try {
    await untilReady(server);
    firefox = await startFirefox(FIREFOX);
    const run = (script) => firefox.command('WebDriver:ExecuteScript', { script: `return (${script})()`, args: [], sandbox: null });
    const untilState = (state, deadlineMs) => until(`the page says ${state}`, async () => {
      const seen = await run(() => document.body.dataset.state);
      return { done: seen === state, seen };
    }, deadlineMs);
    const untilNewer = (than, deadlineMs) => until('a newer frame is shown', async () => {
      const seen = await run(stripInPage);
      return { done: seen !== null && seen.capturedMs > than, seen };
    }, deadlineMs);
    // Navigation ends with `load`, or with an error at this deadline.
    await firefox.command('WebDriver:SetTimeouts', { pageLoad: LOAD_MS });
    await firefox.command('WebDriver:Navigate', { url: server.url });
    assert.equal(await run(() => document.readyState), 'complete');
    await untilState('live', LIVE_MS);
    const first = await untilNewer(0, NOTICE_MS);
    const later = await untilNewer(first.capturedMs + 1000, NOTICE_MS);
    assert.ok(later.number > first.number, `frame numbers advance: ${first.number}, ${later.number}`);
    assert.equal(await tabIsBusy(firefox), false, 'the spinner of the tab has ended');
    await run(() => void (window.sameDocument = true));
    await endServer(server, 'SIGKILL');
    await untilState('unreachable', NOTICE_MS);
    const killedMs = Date.now();
    server = await startServer({ port: server.port });
    await untilNewer(killedMs, RETURN_MS);
    await untilState('live', NOTICE_MS);
    assert.equal(await run(() => window.sameDocument), true, 'the page was not loaded anew');
  } finally {
    await firefox?.stop();
    await endServer(server, 'SIGKILL');
  }
});

/** Whether the browser shows the tab as loading. */
async function tabIsBusy({ command }) {
  await command('Marionette:SetContext', { value: 'chrome' });
  const busy = await command('WebDriver:ExecuteScript', { script: 'return gBrowser.selectedTab.hasAttribute("busy")', args: [], sandbox: 'system' });
  await command('Marionette:SetContext', { value: 'content' });
  return busy;
}
