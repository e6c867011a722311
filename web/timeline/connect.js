/**
 * Puts the timeline together: seek bar, thumbnails, markers, and what one keeps of a moment.
 */

import { clockText, durationText } from '../shell/clock.js';
import { CAMERA } from '../shell/camera.js';
import { CLIP_URL, THUMBNAIL_URL } from '../player/engines.js';
import { StretchPanel } from './stretch-panel.js';
import { copyLink, followLinks, saveClip, saveSnapshot, saveStretch } from './save.js';
import { shareStretch } from './share.js';
import { MarkerList } from '../markers/marker-list.js';
import { Marks } from '../markers/markers.js';
import { connectNote } from '../markers/note.js';
import { DayList } from './day-list.js';
import { RecordingList } from '../markers/recording-list.js';
import { KEEP_MS, Recordings, stretchAround } from '../markers/recordings.js';
import { diskText, historyOf } from '../shell/disk.js';
import { ControlsPanel } from '../shell/controls-panel.js';
import { byId, serverToast, toast } from '../shell/page.js';
import { Preview } from './preview.js';
import { SeekBar } from './seek-bar.js';
import { Taps } from './double-tap.js';
import { TimelinePictures } from '../player/timeline-pictures.js';

/** How often bar and list are looked after. */
const TICK_MS = 200;
/** How far a double tap moves. */
const LEAP_S = 10;
/** Speeds on offer. Above 4 the decoder of a phone does not keep up. */
const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 4];
/** @typedef {import('../player/player.js').Player} Player */

/**
 * @param {object} of
 * @param {Player} of.player
 * @param {import('../player/history.js').History} of.history
 * @param {import('../shell/keys.js').KeyMap} of.keys
 * @param {import('../shell/shared.js').Shared} of.shared
 * @param {import('../player/key-frames.js').KeyFrames} of.keyFrames
 * @param {() => unknown} of.status the body of `api/status`
 * @param {import('../shell/camera-controls.js').CameraControls} of.cameraControls
 * @param {(newestMs: number) => number | null} of.seenUntil up to when things that go on were seen; null while they go on
 */
export function connectTimeline({ player, history, keys, shared, keyFrames, status, cameraControls, seenUntil }) {
  const drawn = new TimelinePictures(player, history, keyFrames);
  const pictures = drawn.thumbnails;
  const marks = new Marks(player);
  const seen = () => seenUntil(player.window?.endMs ?? Infinity);
  const recordings = new Recordings({ camera: CAMERA, tell: (text) => serverToast(text), fetch: fetch.bind(window), later: setTimeout.bind(window) });
  const stretch = new StretchPanel({
    play: (from) => {
      bar.goTo(from);
      player.play();
    },
    save: (from, to) => void saveStretch({ from, to }, CLIP_URL),
    lapse: (from, to, speed) => void saveStretch({ from, to, speed }, CLIP_URL),
    share: (from, to) => void shareStretch({ from, to }),
    keep: (from, to) => void recordings.keep(from, to).then((kept) => kept && toast(`${durationText(to - from)} are kept`)),
    canKeep: () => history.disk !== null,
  });
  /** @type {SeekBar} */
  const bar = newBar(player, { history, recordings, marks }, pictures, { seenUntil: seen, stretch });
  const setEnd = (/** @type {'begin' | 'extend'} */ which) => {
    const at = player.captureTime;
    if (at !== null) {
      stretch[which](at);
      bar.tick();
      toast(`The stretch ${which === 'begin' ? 'begins' : 'ends'} at ${clockText(new Date(at), new Date())}`);
    }
  };
  const goTo = (/** @type {number} */ at) => bar.goTo(at);
  // The live picture comes first: those of the list wait for it.
  const range = () => (player.facts.stream === 'none' ? null : drawn.range);
  const list = new MarkerList(byId('markers'), marks, { pictures, range, goTo, seenUntil: seen });
  const recordingList = connectRecordings({ player, history, recordings, keys, status, goTo });
  const marked = () => marks.store.all.map(({ begin, end }) => ({ from: begin, to: end ?? Date.now() }));
  const days = new DayList(byId('days'), () => ({ footage: history.footage, marked: marked(), kept: recordings.kept }), (day) => {
    bar.showStretch(day);
    bar.goTo(day.first);
  });
  history.addEventListener('change', () => days.changed());
  const openNote = connectNote(player, marks);
  connectTools(player, keys);
  connectTaps(player);
  keys.add(
    { keys: ['+', '='], text: 'Timeline nearer', run: () => bar.zoom('in') },
    { keys: ['-'], text: 'Timeline farther', run: () => bar.zoom('out') },
    { keys: ['0'], text: 'All of the timeline', run: () => bar.showWhole() },
    { keys: ['n'], text: 'Note at this moment', run: openNote },
    { keys: ['['], text: 'A stretch begins at this moment (or Shift and drag on the timeline)', run: () => setEnd('begin') },
    { keys: [']'], text: 'The stretch ends at this moment', run: () => setEnd('extend') },
  );
  followLinks(player, goTo);
  player.addEventListener('past-lost', () => toast('The past that you watched is gone; this is live'));
  player.addEventListener('window', () => (byId('timeline').hidden = false));
  const hooks = [marks.start(), recordings.hooks, cameraControls.hooks];
  const controlsPanel = new ControlsPanel(byId('camera-controls'), cameraControls);
  void shared.listen({
    connected: () => hooks.forEach((of) => of.connected()),
    event: (name, data) => hooks.forEach((of) => of.event(name, data)),
  });
  setInterval(() => {
    bar.tick();
    list.tick();
    recordingList.tick();
    days.tick(performance.now());
    controlsPanel.tick();
    showTime(player);
  }, TICK_MS);
}

/**
 * @param {Player} player
 * @param {{history: import('../player/history.js').History, recordings: Recordings, marks: Marks}} shown
 * @param {import('./preview.js').Pictures} pictures
 * @param {{seenUntil: () => number | null, stretch: StretchPanel}} more
 */
function newBar(player, shown, pictures, { seenUntil, stretch }) {
  const parts = {
    bar: byId('seek'),
    canvas: /** @type {HTMLCanvasElement} */ (byId('seek-drawing')),
    hand: byId('seek-hand'),
    span: byId('zoom-span'),
    zoomIn: /** @type {HTMLButtonElement} */ (byId('zoom-in')),
    zoomOut: /** @type {HTMLButtonElement} */ (byId('zoom-out')),
    whole: /** @type {HTMLButtonElement} */ (byId('zoom-whole')),
    stretch,
  };
  return new SeekBar(player, shown, parts, new Preview(byId('preview'), pictures), seenUntil);
}

/**
 * @param {object} of
 * @param {Player} of.player @param {import('../player/history.js').History} of.history @param {Recordings} of.recordings
 * @param {import('../shell/keys.js').KeyMap} of.keys @param {() => unknown} of.status @param {(at: number) => void} of.goTo
 */
function connectRecordings({ player, history, recordings, keys, status, goTo }) {
  const keep = async () => {
    const { window: stretch, captureTime: at, following } = player;
    if (history.disk === null) {
      toast('This server keeps no history on a disk');
    } else if (stretch === null || at === null) {
      toast('There is no picture yet');
    } else {
      const { from, to } = stretchAround(at, following, stretch);
      if (await recordings.keep(from, to)) {
        // Less, where less was there.
        const length = durationText(Math.round((to - from) / 1000) * 1000);
        toast(following ? `The last ${length} are kept` : `${length} around this moment are kept`);
      }
    }
  };
  keys.add({ keys: ['p'], text: `Keep the last ${KEEP_MS / 1000} s`, run: () => void keep() });
  window.addEventListener('pagehide', () => recordings.leave());
  history.addEventListener('change', () => void (history.disk !== null && recordings.refresh()));
  const disk = () => {
    const { bytes, trouble } = historyOf(status());
    return { isKept: history.disk !== null, oldest: history.startMs, text: diskText({ footageMs: history.lengthMs, disk: history.disk, bytes, trouble }) };
  };
  // Of a recording that begins before there is footage, the oldest picture.
  const pictureOf = (/** @type {number} */ at) => `${THUMBNAIL_URL}?at=${new Date(Math.max(at, history.startMs ?? at)).toISOString()}`;
  return new RecordingList(byId('recordings'), recordings, { goTo, keep: () => void keep(), disk, pictureOf });
}

/** @param {Player} player @param {import('../shell/keys.js').KeyMap} keys */
function connectTools(player, keys) {
  const snapshot = () => void saveSnapshot(player);
  const speed = /** @type {HTMLSelectElement} */ (byId('speed'));
  speed.append(...SPEEDS.map((value) => new Option(`${value}×`, String(value))));
  const show = () => {
    speed.value = String(player.speed);
    for (const option of speed.options) {
      // Nobody can be faster than live.
      option.disabled = player.following && Number(option.value) > 1;
    }
  };
  speed.onchange = () => player.setSpeed(Number(speed.value));
  player.addEventListener('change', show);
  show();
  const nextSpeed = (/** @type {1 | -1} */ direction) => {
    const next = SPEEDS[SPEEDS.indexOf(player.speed) + direction];
    if (next !== undefined) {
      player.setSpeed(next);
      toast(`${player.speed}×`);
    }
  };
  byId('snapshot').onclick = snapshot;
  const clip = () => void saveClip(player, CLIP_URL);
  byId('copy-link').onclick = () => void copyLink(player);
  keys.add(
    { keys: ['<'], text: 'Slower', run: () => nextSpeed(-1) },
    { keys: ['>'], text: 'Faster', run: () => nextSpeed(1) },
    { keys: ['s'], text: 'Save this picture', run: snapshot },
    { keys: ['r'], text: 'Save the last 30 s as a clip', run: clip },
    { keys: ['c'], text: 'Copy a link to this moment', run: () => void copyLink(player) },
  );
}

/** A double tap left or right of the middle moves back or on; one tap only wakes the controls. @param {Player} player */
function connectTaps(player) {
  const stage = byId('stage');
  const taps = new Taps();
  stage.addEventListener('touchend', (event) => {
    const [touch] = event.changedTouches;
    if (event.touches.length > 0 || !taps.isDouble({ at: event.timeStamp, x: touch.clientX, y: touch.clientY })) {
      return;
    }
    // Else the browser zooms, or the page takes it for the double click of a mouse.
    event.preventDefault();
    const { left, width } = stage.getBoundingClientRect();
    const direction = touch.clientX < left + width / 2 ? -1 : 1;
    player.skip(direction * LEAP_S);
    toast(direction < 0 ? `${LEAP_S} s back` : `${LEAP_S} s on`);
  }, { passive: false });
}

/** @param {Player} player */
function showTime(player) {
  const at = player.captureTime;
  const text = at === null ? '' : clockText(new Date(at), new Date());
  const element = byId('shown-at');
  if (element.textContent !== text) {
    element.textContent = text;
  }
}
