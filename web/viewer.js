/**
 * The viewer page: asks the server how it is, drives the player, and shows the truth about both.
 */

import { ServerClock, ageText, clockText } from './clock.js';
import { connect, show, showAbout, showSound, video } from './page.js';
import { Player } from './player.js';
import { waitMs } from './retry.js';
import { UNKNOWN_SOURCE, detailsOf, isUnprotected, sentenceFor, sourceOf, stateOf } from './state.js';

/** How often the playback is steered. */
const TICK_MS = 100;
/** How often the picture's age is written: more often would flicker. */
const SHOW_MS = 500;
/** How often the status is asked for. */
const STATUS_MS = 2000;
/** Longest wait for an answer before it counts as none. */
const ANSWER_MS = 4000;
/** Misses in a row after which the server counts as lost: one may be an accident. */
const MISSES_MAX = 2;
/** Answers about the time that are asked for at once, so that one slow answer does not spoil the first minute. */
const CLOCK_FIRST = 3;
/** How often the server's clock is asked for afterwards. */
const CLOCK_MS = 30_000;

const clock = new ServerClock();
const player = new Player(video, 'cam/index.m3u8', heard);

/** @type {import('./state.js').Facts['contact']} */
let contact = 'none';
let misses = 0;
let source = UNKNOWN_SOURCE;
let ageShown = '';
let ageShownAt = -Infinity;

/** @param {boolean} answered */
function heard(answered) {
  misses = answered ? 0 : misses + 1;
  if (answered) {
    if (contact === 'lost') {
      player.serverIsBack();
      clock.reset();
      void askTime();
    }
    contact = 'heard';
  } else if (misses >= MISSES_MAX) {
    contact = 'lost';
  }
}

/** @param {string} url @returns {Promise<Response | null>} null when the server did not answer for itself */
async function ask(url) {
  try {
    const response = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS) });
    // A reverse proxy whose server is gone answers with one of these.
    const answered = response.status !== 502 && response.status !== 504;
    heard(answered);
    return answered ? response : null;
  } catch {
    heard(false);
    return null;
  }
}

async function watchStatus() {
  for (;;) {
    const response = await ask('api/status');
    const status = response?.ok ? await response.json().catch(() => null) : null;
    if (status !== null) {
      source = sourceOf(status);
      showAbout({ name: source.name, details: detailsOf(status), unprotected: isUnprotected(status, location.hostname) });
    }
    await wake(response === null ? waitMs(misses - 1) : STATUS_MS);
  }
}

async function askTime() {
  const sent = performance.now();
  const response = await ask('time');
  if (response?.ok) {
    const received = performance.now();
    clock.sample(sent, received, await response.text());
  }
}

async function watchClock() {
  for (let i = 0; ; i += 1) {
    await askTime();
    if (i >= CLOCK_FIRST) {
      await wake(CLOCK_MS);
    }
  }
}

/** A pause that ends early when a hidden page is looked at again. @param {number} ms */
function wake(ms) {
  return new Promise((resolve) => {
    const done = () => {
      if (!document.hidden) {
        document.removeEventListener('visibilitychange', done);
        clearTimeout(timer);
        resolve(undefined);
      }
    };
    const timer = setTimeout(done, ms);
    document.addEventListener('visibilitychange', done);
  });
}

function tick() {
  player.tick();
  const facts = { contact, source, ...player.facts };
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
    const [server, captured] = [clock.at(now), player.captureTime];
    const ms = server === null || captured === null ? null : server - captured;
    document.body.dataset.latencyMs = ms === null ? '' : String(Math.round(ms));
    ageShown = ms === null ? '' : ageText(ms);
    ageShownAt = now;
    showSound(player.hasSound);
  }
  return ageShown;
}

connect({ togglePlay: () => player.togglePlay(), jumpToLive: () => player.jumpToLive(), skip: (seconds) => player.skip(seconds) });
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) {
    clock.reset();
    void askTime();
    player.resume();
  }
});
player.start();
void watchStatus();
void watchClock();
setInterval(tick, TICK_MS);
