/**
 * The page's elements: shows what viewer.js found out, and turns buttons and keys into its actions. It keeps no state of its own.
 */

/** Controls over a fullscreen picture hide after this long without a movement. */
const IDLE_MS = 3000;
/** How far the arrow keys move. */
const SKIP_S = 5;

/** What the badge says; the rest is "Not live". @type {Partial<Record<import('./state.js').State, string>>} */
const BADGES = { live: 'Live', behind: 'Behind', 'camera-lost': 'No signal' };

/** @template {HTMLElement} T @param {string} id @returns {T} */
const byId = (id) => /** @type {T} */ (document.getElementById(id));

/** The video element. */
export const video = /** @type {HTMLVideoElement} */ (byId('video'));

/**
 * @typedef {object} Actions
 * @property {() => void} togglePlay
 * @property {() => void} jumpToLive
 * @property {(seconds: number) => void} skip
 */

/** @param {Actions} actions */
export function connect(actions) {
  byId('play').onclick = actions.togglePlay;
  byId('big-play').onclick = actions.togglePlay;
  byId('to-live').onclick = actions.jumpToLive;
  byId('mute').onclick = toggleMute;
  byId('fullscreen').onclick = toggleFullscreen;
  // A finger that touches the picture means to look at it; a mouse means the picture's own play button.
  video.onclick = (event) => /** @type {PointerEvent} */ (event).pointerType === 'mouse' && actions.togglePlay();
  byId('stage').ondblclick = toggleFullscreen;
  video.addEventListener('volumechange', showMuted);
  document.addEventListener('fullscreenchange', showFullscreen);
  document.addEventListener('keydown', (event) => keyPressed(event, actions));
  hideControlsWhenIdle();
  showMuted();
}

/**
 * @typedef {object} View
 * @property {import('./state.js').State} state
 * @property {string} sentence
 * @property {string} age of the picture; empty when not known
 * @property {boolean} following
 * @property {boolean} paused
 */

/** @param {View} view */
export function show({ state, sentence, age, following, paused }) {
  const { dataset } = document.body;
  dataset.state = state;
  dataset.paused = String(paused);
  dataset.following = String(following);
  setText('badge-word', BADGES[state] ?? 'Not live');
  setText('age', state === 'live' || state === 'behind' ? age : '');
  setText('status', sentence);
  setText('veil-text', sentence);
  setLabel('play', paused ? 'Play' : 'Pause');
  byId('to-live').hidden = state !== 'behind' && state !== 'paused';
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

/** Writes only what changed, so that a screen reader is not told the same twice. @param {string} id @param {string} text */
function setText(id, text) {
  const element = byId(id);
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** @param {string} id @param {string} label */
function setLabel(id, label) {
  byId(id).setAttribute('aria-label', label);
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

/** @param {KeyboardEvent} event @param {Actions} actions */
function keyPressed(event, { togglePlay, jumpToLive, skip }) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) {
    return;
  }
  // A focused button keeps its own keys.
  const onButton = event.target instanceof HTMLButtonElement && (event.key === ' ' || event.key === 'Enter');
  /** @type {Record<string, () => void>} */
  const keys = {
    ' ': togglePlay,
    k: togglePlay,
    m: toggleMute,
    f: toggleFullscreen,
    ArrowLeft: () => skip(-SKIP_S),
    ArrowRight: () => skip(SKIP_S),
    End: jumpToLive,
  };
  const action = keys[event.key];
  if (action && !onButton) {
    event.preventDefault();
    action();
  }
}

function hideControlsWhenIdle() {
  const { dataset } = document.body;
  let timer = 0;
  const wake = () => {
    dataset.idle = 'false';
    clearTimeout(timer);
    timer = window.setTimeout(() => (dataset.idle = 'true'), IDLE_MS);
  };
  for (const event of ['pointermove', 'pointerdown', 'keydown', 'focusin']) {
    document.addEventListener(event, wake, { passive: true });
  }
  wake();
}
