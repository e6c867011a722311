/**
 * The page's elements: shows what viewer.js found out, and turns buttons and keys into commands. It keeps no state of its own.
 */

import { keyText } from './keys.js';

/** Controls over a fullscreen picture hide after this long without a movement. */
const IDLE_MS = 3000;
/** A tap that brings the controls back does not press what it could not see: they come when the tap is over. */
const TAP_MS = 150;
/** How long a passing message stays. */
const TOAST_MS = 3000;
/** A sentence of the server takes longer to read than one of ours. */
const SERVER_TOAST_MS = 8000;

/** @template {HTMLElement} T @param {string} id @returns {T} */
export const byId = (id) => /** @type {T} */ (document.getElementById(id));

/** The video element. */
export const video = /** @type {HTMLVideoElement} */ (byId('video'));

let toastTimer = 0;

/** The one button over the picture, for browsers that want a click before they play. @param {import('../player/player.js').Player} player */
export function connectPicture(player) {
  byId('big-play').onclick = () => player.togglePlay();
}

/** Where there are no controls, the text over the picture gives the state to screen readers too. */
export function announceOverPicture() {
  byId('veil').removeAttribute('aria-hidden');
  byId('veil').setAttribute('role', 'status');
}

/** Everything else. @param {import('../player/player.js').Player} player @param {import('./keys.js').KeyMap} keys */
export function connectControls(player, keys) {
  const togglePlay = () => player.togglePlay();
  byId('play').onclick = togglePlay;
  byId('to-live').onclick = () => player.jumpToLive();
  byId('mute').onclick = toggleMute;
  byId('fullscreen').onclick = toggleFullscreen;
  byId('show-help').onclick = () => toggleHelp(keys);
  byId('show-stats').onclick = toggleStats;
  // A finger that touches the picture means to look at it; a mouse means the picture's own play button.
  video.onclick = (event) => /** @type {PointerEvent} */ (event).pointerType === 'mouse' && togglePlay();
  byId('stage').ondblclick = toggleFullscreen;
  video.addEventListener('volumechange', showMuted);
  document.addEventListener('fullscreenchange', showFullscreen);
  document.addEventListener('keydown', (event) => keyPressed(event, keys));
  keys.add(
    { keys: ['m'], text: 'Sound on or off', run: toggleMute },
    { keys: ['f'], text: 'Fullscreen', run: toggleFullscreen },
    { keys: ['i'], text: 'Statistics', run: toggleStats },
    { keys: ['?'], text: 'This help', run: () => toggleHelp(keys) },
  );
  hideControlsWhenIdle();
  showMuted();
}

/**
 * @typedef {object} View
 * @property {import('./state.js').State} state
 * @property {string} sentence
 * @property {{word: string, late: boolean}} badge
 * @property {string} age of the picture; empty when not known
 * @property {boolean} following
 * @property {boolean} paused
 * @property {boolean} thin whether the link is too thin for the stream
 */

/** The choice between the stream and a picture now and then. @param {(stills: boolean) => void} choose */
export function connectStills(choose) {
  byId('to-stills').onclick = () => choose(true);
  byId('to-stream').onclick = () => choose(false);
}

/** The canvas for pictures that are none of the video's. */
export const still = /** @type {HTMLCanvasElement} */ (byId('still'));

/** @param {View} view */
export function show({ state, sentence, badge, age, following, paused, thin }) {
  const { dataset } = document.body;
  dataset.state = state;
  dataset.paused = String(paused);
  dataset.following = String(following);
  dataset.late = String(badge.late);
  setText('badge-word', badge.word);
  setText('age', state === 'live' || state === 'behind' || state === 'stills' ? age : '');
  setText('status', sentence);
  setText('veil-text', sentence);
  setLabel('play', paused ? 'Play' : 'Pause');
  byId('to-live').hidden = state !== 'behind' && state !== 'paused';
  byId('to-stills').hidden = !thin || state === 'stills';
  byId('to-stream').hidden = state !== 'stills';
}

/** @param {{name: string, details: string[], unprotected: boolean}} about */
export function showAbout({ name, details, unprotected }) {
  setText('name', name || 'hlscam');
  document.title = name ? `${name} · hlscam` : 'hlscam';
  setText('details', details.join(' · '));
  byId('unprotected').hidden = !unprotected;
}

/** @param {boolean | null} has */
export function showSound(has) {
  byId('mute').title = has === false ? 'This stream has no sound' : '';
}

/** Whether the statistics are asked for. */
export const statsShown = () => !byId('stats').hidden;

/** @param {[label: string, text: string][]} rows */
export function showStats(rows) {
  const list = byId('stats-rows');
  if (list.children.length !== rows.length * 2) {
    list.replaceChildren(...rows.flatMap(([label]) => [element('dt', label), element('dd', '')]));
  }
  rows.forEach(([, text], at) => {
    const cell = list.children[at * 2 + 1];
    if (cell.textContent !== text) {
      cell.textContent = text;
    }
  });
}

/** Says something in passing, over the picture and to screen readers. @param {string} text @param {number} ms how long it stays */
export function toast(text, ms = TOAST_MS) {
  setText('toast', text);
  clearTimeout(toastTimer);
  toastTimer = window.setTimeout(() => setText('toast', ''), ms);
}

/** A sentence of the server. @param {string} text */
export const serverToast = (text) => toast(text, SERVER_TOAST_MS);

/** Writes only what changed, so that a screen reader does not read the same text twice. @param {string} id @param {string} text */
function setText(id, text) {
  const element = byId(id);
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** @param {string} id @param {string} label */
function setLabel(id, label) {
  const element = byId(id);
  if (element.getAttribute('aria-label') !== label) {
    element.setAttribute('aria-label', label);
  }
}

function toggleMute() {
  video.muted = !video.muted;
}

function showMuted() {
  document.body.dataset.muted = String(video.muted);
  setLabel('mute', video.muted ? 'Unmute' : 'Mute');
}

/** Phones from Apple only let the video itself fill the screen. */
function toggleFullscreen() {
  if (document.fullscreenElement) {
    document.exitFullscreen();
  } else if (document.fullscreenEnabled) {
    byId('player').requestFullscreen().catch(() => {});
  } else {
    /** @type {any} */ (video).webkitEnterFullscreen?.();
  }
}

function showFullscreen() {
  const full = document.fullscreenElement !== null;
  document.body.dataset.fullscreen = String(full);
  setLabel('fullscreen', full ? 'Leave fullscreen' : 'Fullscreen');
}

function toggleStats() {
  const shown = statsShown();
  byId('stats').hidden = shown;
  byId('show-stats').setAttribute('aria-pressed', String(!shown));
}

/** @param {import('./keys.js').KeyMap} keys */
function toggleHelp(keys) {
  const help = /** @type {HTMLDialogElement} */ (byId('help'));
  if (help.open) {
    help.close();
    return;
  }
  const rows = keys.commands.flatMap((command) => {
    const term = document.createElement('dt');
    term.append(...command.keys.flatMap((key, at) => [at > 0 ? ' ' : '', element('kbd', keyText(key))]));
    return [term, element('dd', command.text)];
  });
  byId('help-keys').replaceChildren(...rows);
  help.showModal();
}

/** @param {string} name @param {string} text */
function element(name, text) {
  return Object.assign(document.createElement(name), { textContent: text });
}

/** @param {KeyboardEvent} event @param {import('./keys.js').KeyMap} keys */
function keyPressed(event, keys) {
  const command = keys.commandFor(event, focusOf(event.target));
  // An open dialog has the keyboard to itself.
  if (command !== null && (event.key === '?' || document.querySelector('dialog[open]') === null)) {
    event.preventDefault();
    command.run();
  }
}

/** @param {EventTarget | null} target */
function focusOf(target) {
  const on = (/** @type {string} */ selector) => target instanceof Element && target.matches(selector);
  if (on('input, textarea, select, [contenteditable]')) {
    return 'text';
  }
  return on('button, a, summary, [role="button"], [role="option"]') ? 'button' : 'other';
}

function hideControlsWhenIdle() {
  const { dataset } = document.body;
  let timer = 0;
  const wake = () => {
    dataset.idle = 'false';
    clearTimeout(timer);
    timer = window.setTimeout(() => (dataset.idle = 'true'), IDLE_MS);
  };
  const touched = (/** @type {PointerEvent} */ { pointerType }) => {
    if (pointerType === 'touch' && dataset.idle === 'true') {
      setTimeout(wake, TAP_MS);
    } else {
      wake();
    }
  };
  document.addEventListener('pointermove', touched, { passive: true });
  document.addEventListener('pointerdown', touched, { passive: true });
  document.addEventListener('keydown', wake, { passive: true });
  document.addEventListener('focusin', wake, { passive: true });
  wake();
}
