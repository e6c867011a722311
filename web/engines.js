/**
 * Which engine plays: hls.js where it can, else the browser's own HLS; dash.js for those who ask for it.
 */

import { DashEngine } from './dash-engine.js';
import { HlsEngine, hlsWorks } from './hls-engine.js';
import { NativeEngine } from './native-engine.js';

/** The camera that the page shows: the server writes its name into the page. */
const CAMERA = document.body.dataset.camera ?? 'cam';
/** Both relative to the page. */
export const PLAYLIST_URL = `${CAMERA}/index.m3u8`;
const MANIFEST_URL = `${CAMERA}/index.mpd`;

/** @typedef {'hls.js' | 'dash.js' | 'native HLS'} EngineName */

/**
 * The engine to use, by name.
 * @param {import('./options.js').Options['player']} asked
 * @returns {EngineName}
 */
export function engineName(asked) {
  if (!hlsWorks()) {
    return 'native HLS';
  }
  return asked === 'dash' ? 'dash.js' : 'hls.js';
}

/**
 * @param {EngineName} name
 * @param {import('./growing-segment.js').Open} open begins a request
 * @returns {(video: HTMLVideoElement, events: import('./player.js').EngineEvents) => import('./player.js').Engine}
 */
export function engineMaker(name, open) {
  switch (name) {
    case 'hls.js':
      return (video, events) => new HlsEngine(video, { url: PLAYLIST_URL, open }, events);
    case 'dash.js':
      return (video, events) => new DashEngine(video, MANIFEST_URL, events);
    case 'native HLS':
      return (video, events) => new NativeEngine(video, PLAYLIST_URL, events);
  }
}
