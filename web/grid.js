/**
 * The page of several cameras: a picture of each, named, with its state. A click or Enter leads to the page of one.
 */

import { keepScreenOn } from './shell/kiosk.js';
import { optionsOf } from './shell/options.js';
import { leaveForLogin, showOwnSession } from './shell/session.js';
import { AT_ONCE, PictureRounds, columnsOf, tileOf } from './shell/picture-rounds.js';

/** How often it is looked whether a picture is due. */
const TICK_MS = 50;
/** How often the cameras and their states are asked for. */
const CAMERAS_MS = 2000;
/** Longest wait for an answer. */
const ANSWER_MS = 4000;
/** Widths in pixels that pictures are asked for in: the next above that of the place they are shown in. */
const WIDTHS = [320, 480, 640];

/** @typedef {{name: string, state: string, reason: string | null}} Listed */
/** @typedef {{element: HTMLAnchorElement, listed: Listed}} Tile */

const options = optionsOf(location.search);
const rounds = new PictureRounds();
const grid = /** @type {HTMLElement} */ (document.getElementById('grid'));
const status = /** @type {HTMLElement} */ (document.getElementById('status'));
const template = /** @type {HTMLTemplateElement} */ (document.getElementById('tile'));
/** @type {Map<string, Tile>} */
const tiles = new Map();

/** @param {ParentNode} parent @param {string} selector */
const part = (parent, selector) => /** @type {HTMLElement} */ (parent.querySelector(selector));

/** @param {Element} element @param {string} text */
function write(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** @param {Listed} listed @returns {Tile} */
function newTile(listed) {
  const element = /** @type {HTMLAnchorElement} */ (part(/** @type {DocumentFragment} */ (template.content.cloneNode(true)), 'a'));
  const query = new URLSearchParams(location.search);
  query.set('camera', listed.name);
  element.href = `?${query}`;
  element.dataset.camera = listed.name;
  write(part(element, '.tile-name'), listed.name);
  return { element, listed };
}

/** @param {Listed[]} cameras */
function setCameras(cameras) {
  const names = cameras.map(({ name }) => name);
  if (names.join() !== [...tiles.keys()].join()) {
    tiles.clear();
    cameras.forEach((listed) => tiles.set(listed.name, newTile(listed)));
    grid.replaceChildren(...[...tiles.values()].map(({ element }) => element));
    grid.dataset.columns = String(columnsOf(cameras.length));
    rounds.setCameras(names);
  }
  cameras.forEach((listed) => {
    const tile = tiles.get(listed.name);
    if (tile) {
      tile.listed = listed;
    }
  });
}

async function watchCameras() {
  let isSessionShown = false;
  for (;;) {
    try {
      const response = await fetch('api/cameras', { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS) });
      if (response.status === 401) {
        leaveForLogin();
      }
      if (!response.ok) {
        throw new Error(String(response.status));
      }
      setCameras((await response.json()).cameras);
      document.body.dataset.state = 'heard';
      write(status, '');
      if (!isSessionShown) {
        await showOwnSession();
        isSessionShown = true;
      }
    } catch {
      document.body.dataset.state = 'unreachable';
      write(status, 'The server cannot be reached; this page keeps trying.');
    }
    await new Promise((done) => setTimeout(done, CAMERAS_MS));
  }
}

/** @param {HTMLElement} element */
function widthFor(element) {
  const wanted = element.clientWidth * devicePixelRatio;
  return WIDTHS.find((width) => width >= wanted) ?? WIDTHS[WIDTHS.length - 1];
}

/** Asks for the next picture of a camera and shows it. @param {string} name @param {Tile} tile */
async function renew(name, { element }) {
  const askedAt = performance.now();
  let hasPicture = false;
  try {
    const response = await fetch(`${name}/snapshot.jpg?width=${widthFor(element)}`, { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS) });
    if (response.ok) {
      const picture = await createImageBitmap(await response.blob());
      draw(/** @type {HTMLCanvasElement} */ (part(element, 'canvas')), picture);
      hasPicture = true;
    }
  } catch {
    // The state of the camera, or that of the server, says why.
  }
  rounds.answered(name, { askedAt, now: performance.now(), hasPicture });
}

/** @param {HTMLCanvasElement} canvas @param {ImageBitmap} picture */
function draw(canvas, picture) {
  if (canvas.width !== picture.width || canvas.height !== picture.height) {
    Object.assign(canvas, { width: picture.width, height: picture.height });
  }
  canvas.getContext('2d')?.drawImage(picture, 0, 0);
  picture.close();
}

function tick() {
  const now = performance.now();
  for (const [name, { element, listed }] of tiles) {
    const { state, text } = tileOf({ ...listed, picture: rounds.pictureOf(name, now) });
    element.dataset.state = state;
    write(part(element, '.tile-state'), text);
  }
  // Nobody sees a hidden page.
  for (let i = 0; i < AT_ONCE && !document.hidden; i += 1) {
    const name = rounds.next(now);
    const tile = name === null ? undefined : tiles.get(name);
    if (name === null || tile === undefined) {
      return;
    }
    void renew(name, tile);
  }
}

document.body.dataset.mode = options.mode;
if (options.mode === 'kiosk') {
  keepScreenOn();
}
void watchCameras();
setInterval(tick, TICK_MS);
