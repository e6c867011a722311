// Every player that is tried, and what each needs on this machine.

import { readFileSync } from 'node:fs';
import { FIREFOX, playInChromium, playInFirefox, scriptVersion } from './browsers.mjs';
import { isInstalled, PROGRAMS, programVersion, startProgram } from './programs.mjs';

const STREAMS = { HLS: 'cam/index.m3u8', DASH: 'cam/index.mpd' };

/** Only Debian has all of them; what is missing there was not installed. */
export const ALL_REQUIRED = (() => {
  try {
    return /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false;
  }
})();

/** What a player needs and this machine lacks. */
export function missing({ needs }) {
  return needs.filter((command) => !isInstalled(command));
}

/**
 * The players, those that start slowly first, so that nobody waits for them at the end. What is there only later is given as a function:
 * the address of our page, the host of foreign pages, the browser. `untilFull` waits until the server's window is full.
 */
export function everyPlayer({ page, host, browser, untilFull = async () => {} }) {
  const stream = (protocol) => new URL(STREAMS[protocol], page()).href;
  const chromium = { name: 'Chromium', needs: [], version: () => browser().version(), play: (address) => playInChromium(browser(), address) };
  const firefox = {
    name: 'Firefox',
    needs: [FIREFOX],
    version: () => programVersion({ command: FIREFOX, version: ['--version', /Firefox (\S+)/] }),
    play: (address) => playInFirefox(FIREFOX, address),
  };
  const script = (where, name, protocol) => ({
    name: `${name} in ${where.name}`,
    protocol,
    needs: where.needs,
    version: () => `${scriptVersion(name)} / ${where.version()}`,
    start: async () => {
      if (name === 'video.js' && protocol === 'DASH') {
        // While the window fills, video.js may count its segments anew at a refresh, and end (docs/players.md, "What to know").
        await untilFull();
      }
      return where.play(host().address(name, stream(protocol)));
    },
  });
  const ours = (where) => ({
    name: `our page in ${where.name}`,
    protocol: 'HLS',
    needs: where.needs,
    version: () => `${scriptVersion('hls.js')} / ${where.version()}`,
    start: () => where.play(page()),
  });
  const program = (what, protocol) => ({ ...what, protocol, version: () => programVersion(what), start: () => startProgram(what, stream(protocol)) });
  return [
    ...PROGRAMS.flatMap((what) => [program(what, 'DASH'), program(what, 'HLS')]),
    ours(firefox),
    script(firefox, 'dash.js', 'DASH'),
    ours(chromium),
    script(chromium, 'hls.js', 'HLS'),
    script(chromium, 'dash.js', 'DASH'),
    ...['Shaka Player', 'video.js'].flatMap((name) => [script(chromium, name, 'HLS'), script(chromium, name, 'DASH')]),
  ];
}
