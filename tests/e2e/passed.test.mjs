// A film whose H.264 is handed on as it is: it plays in the page by HLS and by DASH.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { BINARY, LIGHT, LIVE_MS, pageTests, readStrip, until } from './support.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'hlscam-passed-'));
after(() => rmSync(folder, { recursive: true }));
const FILM = path.join(folder, 'film.mp4');
execFileSync(BINARY, ['record', '--device', 'test', ...LIGHT, '--detect', 'none', '--duration', '3s', '--output', FILM], { stdio: 'ignore' });

const { pageTest } = pageTests();
const PASSED = { device: `file:${FILM}`, options: ['--overlay', 'none', '--detect', 'none', '--segment', '1s', '--pass-through', 'always'] };
/** Different pictures that are seen before it counts as playing: more than the player has when it begins. */
const PICTURES = 15;

for (const engine of ['hls', 'dash']) {
  pageTest(`a_film_that_is_passed_through_plays_by_${engine}`, { server: PASSED, query: engine === 'dash' ? '?player=dash' : '' }, async ({ page, seen, running }) => {
    const numbers = new Set();
    await until('pictures advance', async () => {
      const strip = await readStrip(page);
      if (strip !== null) {
        numbers.add(strip.number);
      }
      return { done: numbers.size >= PICTURES, seen: [...numbers] };
    }, LIVE_MS);
    const status = await (await fetch(new URL('api/status', running.server.url))).json();
    assert.deepEqual(status.pass_through, { active: true, why_not: '' });
    assert.deepEqual(seen.violations, []);
  });
}
