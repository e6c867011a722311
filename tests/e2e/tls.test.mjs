// The page over TLS, with a certificate that hlscam made itself: a browser trusts it once the authority is installed.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { LIGHT, LIVE_MS, endServer, openPage, screenshot, startBrowser, startServer, untilNewer, untilState } from './support.mjs';

const skip = spawnSync('certutil', ['-H']).error === undefined ? false : 'certutil is not installed (Debian: libnss3-tools)';

/** A home whose browser trusts the certificate. */
function homeThatTrusts(folder, certificate) {
  const database = path.join(folder, '.pki/nssdb');
  mkdirSync(database, { recursive: true });
  writeFileSync(path.join(folder, 'hlscam.crt'), certificate);
  execFileSync('certutil', ['-d', `sql:${database}`, '-N', '--empty-password']);
  execFileSync('certutil', ['-d', `sql:${database}`, '-A', '-t', 'C,,', '-n', 'hlscam', '-i', path.join(folder, 'hlscam.crt')]);
}

test('a_browser_that_trusts_the_authority_plays_over_tls', { skip, timeout: 240_000 }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'hlscam-tls-'));
  const server = await startServer({ options: [...LIGHT, '--detect', 'none', '--tls'], env: { XDG_STATE_HOME: folder, STATE_DIRECTORY: undefined } });
  let browser;
  try {
    assert.equal(new URL(server.url).protocol, 'https:');
    const plain = `http://127.0.0.1:${server.port}/`;
    const answer = await fetch(new URL('trust/ca.crt', plain));
    assert.equal(answer.headers.get('content-type'), 'application/x-x509-ca-cert');
    homeThatTrusts(folder, await answer.text());
    browser = await startBrowser({ HOME: folder });

    const trust = await openPage(browser, `${plain}trust`);
    assert.equal(new URL(trust.page.url()).protocol, 'http:');
    await trust.page.getByRole('img', { name: 'QR code of the address of this page' }).waitFor();
    const fingerprint = await trust.page.locator('.fingerprint').textContent();
    assert.ok(server.log.includes(fingerprint), 'the log has it to be compared');
    await screenshot(trust.page, 'trust');
    assert.deepEqual([trust.seen.console, trust.seen.violations], [[], []]);

    // HTTP leads there, and no warning stands between.
    const { page, seen } = await openPage(browser, `${plain}?player=hls`);
    assert.equal(page.url(), `${server.url}?player=hls`);
    await untilState(page, ['live'], LIVE_MS);
    await untilNewer(page, 0, LIVE_MS);
    const facts = await page.evaluate(() => ({
      protocol: performance.getEntriesByType('navigation')[0].nextHopProtocol,
      isSecure: window.isSecureContext,
    }));
    assert.deepEqual(facts, { protocol: 'h2', isSecure: true });
    assert.deepEqual([seen.console, seen.violations], [[], []]);
  } finally {
    await browser?.close();
    await endServer(server, 'SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  }
});
