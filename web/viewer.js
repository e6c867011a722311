/**
 * The viewer page: puts its modules together, drives the player, and shows the truth about player and server.
 */

import { CAMERA, HAS_OTHERS } from './shell/camera.js';
import { CameraControls } from './shell/camera-controls.js';
import { ageText, clockText } from './shell/clock.js';
import { ARCHIVED_KEY_FRAMES_URL, HISTORY_URL, KEY_FRAMES_URL, PLAYLIST_URL, engineMaker, engineName } from './player/engines.js';
import { keepSeeksExact } from './player/exact-seek.js';
import { History } from './player/history.js';
import { KeyFrames } from './player/key-frames.js';
import { KeyMap } from './shell/keys.js';
import { keepScreenOn, shouldLoadAnew } from './shell/kiosk.js';
import { optionsOf } from './shell/options.js';
import { announceOverPicture, connectControls, connectPicture, connectStills, serverToast, show, showAbout, showSound, showStats, statsShown, still, video } from './shell/page.js';
import { Player } from './player/player.js';
import { connectTimeline } from './timeline/connect.js';
import { Server } from './shell/server.js';
import { Shared } from './shell/shared.js';
import { showSession } from './shell/session.js';
import { UNKNOWN_SOURCE, badgeFor, detailsOf, isUnprotected, seenUntil, sentenceFor, sourceOf, stateOf } from './shell/state.js';
import { FrameMeter, statsRows } from './shell/stats.js';
import { Stills } from './player/stills.js';
import { ThinLink } from './shell/thin-link.js';

/** How often the playback is steered. */
const TICK_MS = 100;
/** How often the picture's age and the statistics are written: more often would flicker. */
const SHOW_MS = 500;
/** How far the arrow keys move, and how far j and l do. */
const SKIP_S = 5;
const LEAP_S = 10;

const options = optionsOf(location.search);
const engine = engineName(options.player);
const server = new Server();
const shared = new Shared();
const history = new History(HISTORY_URL);
const player = new Player(video, { newEngine: engineMaker(engine, shared.open), history, probeUrl: PLAYLIST_URL, heard: (answered) => server.heard(answered) });
keepSeeksExact(video);
const keys = new KeyMap();
const cameraControls = new CameraControls({ camera: CAMERA, fetch: fetch.bind(window), tell: serverToast });
const meter = new FrameMeter();
const link = new ThinLink();
const keyFrames = new KeyFrames({ listed: KEY_FRAMES_URL, archived: ARCHIVED_KEY_FRAMES_URL });
const stills = new Stills(still, keyFrames);
let thin = false;
let source = UNKNOWN_SOURCE;
let ageShown = '';
/** @type {number | null} */
let latencyMs = null;
let shownAt = -Infinity;
let liveAt = performance.now();

function tick() {
  player.tick();
  const now = performance.now();
  const facts = { contact: server.contact, source, stills: stills.running, ...player.facts };
  lookAtLink(now, facts);
  const state = stateOf(facts);
  // A new state is shown with its own figures.
  if (now - shownAt >= SHOW_MS || state !== document.body.dataset.state) {
    shownAt = now;
    showFigures(now);
  }
  const badge = badgeFor(state, latencyMs);
  const opening = source.state === 'asleep' || source.state === 'opening';
  show({
    state,
    badge,
    sentence: sentenceFor(state, source.since, (since) => clockText(since, new Date()), { late: badge.late, thin, opening }),
    age: ageShown,
    following: facts.following,
    paused: facts.paused,
    thin,
  });
  if (options.mode === 'kiosk') {
    heal(state, now);
  }
}

/** @param {number} now */
function showFigures(now) {
  latencyMs = latency();
  document.body.dataset.latencyMs = latencyMs === null ? '' : String(Math.round(latencyMs));
  ageShown = latencyMs === null ? '' : ageText(latencyMs);
  showSound(player.figures.hasSound);
  if (!statsShown()) {
    return;
  }
  const { totalVideoFrames: frames, droppedVideoFrames: dropped } = video.getVideoPlaybackQuality();
  meter.sample(now, frames - dropped);
  const { bufferS, leadS } = player.figures;
  const { videoWidth: width, videoHeight: height, playbackRate: rate } = video;
  showStats(statsRows({ latencyMs, bufferS, leadS, rate, fps: meter.fps, dropped, frames, width, height, engine }, server.status));
}

/** The picture's age: the server's time now less the capture time of the picture on the screen. */
function latency() {
  const [serverMs, capturedMs] = [server.now, stills.running ? stills.captureTime : player.captureTime];
  return serverMs === null || capturedMs === null ? null : serverMs - capturedMs;
}

/** @param {number} now @param {import('./shell/state.js').Facts} facts */
function lookAtLink(now, { contact, following, paused }) {
  if (document.hidden || !following || paused || stills.running || source.state !== 'live') {
    link.reset();
    thin = false;
  } else if (contact === 'heard') {
    thin = link.look({ at: now, newestMs: player.figures.newestMs, serverMs: server.now });
  }
}

/** A picture now and then instead of the stream, or the stream again. @param {boolean} wanted */
function chooseStills(wanted) {
  if (wanted) {
    player.rest();
    stills.start();
  } else {
    stills.stop();
    player.start();
  }
}

/** @param {import('./shell/state.js').State} state @param {number} now */
function heal(state, now) {
  if (state === 'live' || document.hidden) {
    liveAt = now;
  } else if (shouldLoadAnew({ state, contact: server.contact, forMs: now - liveAt })) {
    location.reload();
  }
}

/** What the whole page has beside the picture. */
function controls() {
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
  const status = () => server.status;
  connectTimeline({ player, history, keys, shared, keyFrames, status, cameraControls, seenUntil: (newestMs) => seenUntil({ contact: server.contact, source }, newestMs) });
  connectControls(player, keys);
}

document.body.dataset.mode = options.mode;
server.addEventListener('status', () => {
  source = sourceOf(server.status);
  if (options.mode === 'page') {
    cameraControls.sourceIs(source.state);
  }
  showAbout({ name: HAS_OTHERS ? CAMERA : source.name, details: detailsOf(server.status), unprotected: isUnprotected(server.status, location.hostname) });
});
server.addEventListener('back', () => player.serverIsBack());
showSession(server);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) {
    server.setClockAnew();
    player.resume();
  }
});
connectPicture(player);
connectStills(chooseStills);
if (options.mode === 'kiosk') {
  keepScreenOn();
}
// A browser calls a page loaded once nothing that it asked for is under way, and here something always is: with a request that the
// server holds the tab's spinner would turn for ever. So nothing of the stream is asked for before that.
if (document.readyState === 'complete') {
  begin();
} else {
  window.addEventListener('load', () => setTimeout(begin), { once: true });
}

function begin() {
  shared.connect();
  if (options.mode === 'page') {
    controls();
  } else {
    announceOverPicture();
  }
  player.start();
  server.start();
  void history.start();
  setInterval(tick, TICK_MS);
}
