/**
 * The viewer page: puts its modules together, drives the player, and shows the truth about player and server.
 */

import { ageText, clockText } from './clock.js';
import { PLAYLIST_URL, newEngine } from './engines.js';
import { KeyMap } from './keys.js';
import { connect, show, showAbout, showSound, video } from './page.js';
import { Player } from './player.js';
import { Server } from './server.js';
import { UNKNOWN_SOURCE, detailsOf, isUnprotected, sentenceFor, sourceOf, stateOf } from './state.js';

/** How often the playback is steered. */
const TICK_MS = 100;
/** How often the picture's age is written: more often would flicker. */
const SHOW_MS = 500;
/** How far the arrow keys move, and how far j and l do. */
const SKIP_S = 5;
const LEAP_S = 10;

const server = new Server();
const player = new Player(video, { newEngine, probeUrl: PLAYLIST_URL, heard: (answered) => server.heard(answered) });
const keys = new KeyMap();
let source = UNKNOWN_SOURCE;
let ageShown = '';
let ageShownAt = -Infinity;

function tick() {
  player.tick();
  const facts = { contact: server.contact, source, ...player.facts };
  const state = stateOf(facts);
  show({
    state,
    sentence: sentenceFor(state, source.since, (since) => clockText(since, new Date())),
    age: age(),
    following: facts.following,
    paused: facts.paused,
  });
}

/** The picture's age: the server's time now less the capture time of the picture on the screen. */
function age() {
  const now = performance.now();
  if (now - ageShownAt >= SHOW_MS) {
    const [serverMs, capturedMs] = [server.now, player.captureTime];
    const ms = serverMs === null || capturedMs === null ? null : serverMs - capturedMs;
    document.body.dataset.latencyMs = ms === null ? '' : String(Math.round(ms));
    ageShown = ms === null ? '' : ageText(ms);
    ageShownAt = now;
    showSound(player.hasSound);
  }
  return ageShown;
}

server.addEventListener('status', () => {
  source = sourceOf(server.status);
  showAbout({ name: source.name, details: detailsOf(server.status), unprotected: isUnprotected(server.status, location.hostname) });
});
server.addEventListener('back', () => player.serverIsBack());
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) {
    server.setClockAnew();
    player.resume();
  }
});
keys.add(
  { keys: [' ', 'k'], text: 'Play or pause', run: () => player.togglePlay() },
  { keys: ['ArrowLeft'], text: `${SKIP_S} s back`, run: () => player.skip(-SKIP_S) },
  { keys: ['ArrowRight'], text: `${SKIP_S} s on`, run: () => player.skip(SKIP_S) },
  { keys: ['j'], text: `${LEAP_S} s back`, run: () => player.skip(-LEAP_S) },
  { keys: ['l'], text: `${LEAP_S} s on`, run: () => player.skip(LEAP_S) },
  { keys: [','], text: 'One picture back', run: () => player.stepFrame(-1) },
  { keys: ['.'], text: 'One picture on', run: () => player.stepFrame(1) },
  { keys: ['Home'], text: 'Oldest picture', run: () => player.seekToTime(player.window?.startMs ?? 0) },
  { keys: ['End'], text: 'Live', run: () => player.jumpToLive() },
);
connect(player, keys);
player.start();
server.start();
setInterval(tick, TICK_MS);
