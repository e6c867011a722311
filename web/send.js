/**
 * The page of a browser that is a camera: its own picture, START and STOP, and beside it what viewers see.
 */

import { CAMERA } from './shell/camera.js';
import { keepAwake } from './send/awake.js';
import { Camera } from './send/camera.js';
import { FileSender, hasFile } from './send/file-sender.js';
import { FrameSender, hasFrames } from './send/frame-sender.js';
import { Link } from './send/link.js';
import { obstacle, sentenceFor } from './send/sentences.js';
import { waysOf } from './send/ways.js';

/** How often the numbers are shown. */
const NUMBERS_MS = 1000;
/** When the stream is asked for again that has no picture yet. */
const SHOW_AGAIN_MS = 300;

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
/** @param {string} id */
const select = (id) => /** @type {HTMLSelectElement} */ (document.getElementById(id));

const video = /** @type {HTMLVideoElement} */ (document.getElementById('preview'));
const shown = /** @type {HTMLImageElement} */ (document.getElementById('shown'));
const [start, takeOver] = [element('start'), element('take-over')].map((each) => /** @type {HTMLButtonElement} */ (each));
const link = new Link(CAMERA);

/** @type {import('./send/sentences.js').State} */
let state = 'asking';
let why = '';
/** @type {Camera | null} */
let camera = null;
/** @type {FrameSender | FileSender | null} */
let sender = null;
/** Ways that were tried and do not work here. @type {Set<string>} */
const failed = new Set();
/** Times that the stream was asked for. */
let streams = 0;
let before = { bytes: 0, frames: 0 };

const isSending = () => ['starting', 'sending', 'shown', 'lost'].includes(state);

/** @param {import('./send/sentences.js').State} next @param {string} [reason] */
function setState(next, reason = '') {
  [state, why] = [next, reason];
  document.body.dataset.state = state;
  start.textContent = isSending() ? 'STOP' : 'START';
  start.setAttribute('aria-pressed', String(isSending()));
  start.disabled = camera === null || (!camera.isOpen && !isSending());
  takeOver.hidden = state !== 'occupied';
  keepAwake(isSending());
  say();
}

function say() {
  const text = sentenceFor(state, { why, hidden: document.hidden });
  const status = element('status');
  if (status.textContent !== text) {
    status.textContent = text;
  }
}

/** What is asked of the camera. */
function wanted() {
  const [width, height] = select('size').value.split('x').map(Number);
  return { width: width || 0, height: height || 0, fps: Number(select('fps').value) };
}

const ways = () => waysOf(select('way').value, { frames: hasFrames() && !failed.has('frames'), file: hasFile() && !failed.has('file') });

/** The first way that works here. @returns {Promise<FrameSender | FileSender | null>} */
async function makeSender() {
  const parts = { link, video, fps: wanted().fps, onFailed: changeWay };
  for (const way of ways()) {
    const made = way === 'frames' ? await FrameSender.make(parts) : new FileSender(parts);
    if (made !== null) {
      return made;
    }
  }
  return null;
}

/** @param {boolean} takesOver */
async function begin(takesOver) {
  setState('starting');
  sender?.stop();
  // A connection that comes back meanwhile would speak of what was sent before.
  link.close();
  sender = await makeSender();
  if (state !== 'starting') {
    return;
  }
  if (sender === null) {
    setState('refused', obstacle({ secure: true, devices: true, ways: 0, asked: select('way').value }) ?? '');
    return;
  }
  document.body.dataset.way = sender.begin.way;
  link.open(sender.begin, takesOver);
}

function stop() {
  sender?.stop();
  link.close();
  hideStream();
}

/** What was tried does not work here: the next way, where the user has left the choice. @param {string} reason */
function changeWay(reason) {
  const way = sender?.begin.way ?? '';
  failed.add(way);
  stop();
  if (select('way').value === '' && ways().length > 0) {
    void begin(false);
  } else {
    failed.clear();
    setState('refused', reason);
  }
}

link.addEventListener('accepted', () => {
  setState('sending');
  before = { bytes: 0, frames: 0 };
  sender?.start();
});
link.addEventListener('shown', () => {
  if (state === 'sending') {
    setState('shown');
    showStream();
  }
});
link.addEventListener('key', () => sender?.wantKey());
link.addEventListener('lost', () => {
  sender?.stop();
  setState('lost');
});
link.addEventListener('over', (event) => {
  const { word, why: reason, state: next } = /** @type {CustomEvent} */ (event).detail;
  if (word === 'unreadable') {
    changeWay(reason);
    return;
  }
  sender?.stop();
  setState(next, reason);
});

/** The pictures of the stream one by one, which are there at once, where a player of the stream takes seconds to begin. Asked for anew each time. */
function showStream() {
  streams += 1;
  // What stands behind # is not sent; without it the browser would keep what it has.
  shown.src = `${CAMERA}/stream.mjpg#${streams}`;
  shown.hidden = false;
  element('not-shown').hidden = true;
}

function hideStream() {
  shown.removeAttribute('src');
  shown.hidden = true;
  element('not-shown').hidden = false;
}

function openCamera() {
  if (isSending()) {
    // It has the device open too, and a phone opens one at a time.
    sender?.stop();
  } else {
    setState('asking');
  }
  void camera?.open(wanted());
}

/** @param {Camera} opened */
function listen(opened) {
  opened.addEventListener('opened', () => {
    // Another camera, size or rate is sent from now on.
    if (isSending()) {
      void begin(false);
    } else {
      setState('ready');
    }
  });
  opened.addEventListener('failed', (event) => {
    stop();
    setState('refused', /** @type {CustomEvent} */ (event).detail);
  });
  opened.addEventListener('muted', () => isSending() && setState(state, 'The system has paused the camera; viewers see a slate until it goes on.'));
  opened.addEventListener('unmuted', () => isSending() && setState(state));
}

function showNumbers() {
  const counts = sender?.counts;
  if (counts === undefined || !isSending()) {
    element('numbers').textContent = '';
    return;
  }
  const rate = ((counts.bytes - before.bytes) * 8) / (NUMBERS_MS / 1000) / 1e6;
  before = { ...counts };
  const left = sender?.leftOut ? `, ${sender.leftOut} left out` : '';
  element('numbers').textContent = `${rate.toFixed(1)} Mbit/s, ${sender?.about}${left}`;
}

start.addEventListener('click', () => {
  if (isSending()) {
    stop();
    setState('stopped');
  } else {
    failed.clear();
    void begin(false);
  }
});
takeOver.addEventListener('click', () => void begin(true));
['device', 'size', 'fps'].forEach((id) => select(id).addEventListener('change', openCamera));
select('way').addEventListener('change', () => {
  failed.clear();
  if (isSending()) {
    void begin(false);
  }
});
shown.addEventListener('error', () => setTimeout(() => state === 'shown' && showStream(), SHOW_AGAIN_MS));
document.addEventListener('visibilitychange', say);
addEventListener('pagehide', stop);
setInterval(showNumbers, NUMBERS_MS);

const forced = new URLSearchParams(location.search).get('way');
if (forced !== null && [...select('way').options].some(({ value }) => value === forced)) {
  select('way').value = forced;
}
const has = { secure: window.isSecureContext, devices: navigator.mediaDevices?.getUserMedia !== undefined, ways: ways().length, asked: select('way').value };
const missing = obstacle(has);
if (missing === null) {
  camera = new Camera(video, select('device'));
  listen(camera);
  openCamera();
} else {
  setState('refused', missing);
}
