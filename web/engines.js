/**
 * Which engine plays: hls.js where it can, else the browser's own HLS.
 */

import { HlsEngine, hlsWorks } from './hls-engine.js';
import { NativeEngine } from './native-engine.js';

/** Of the multivariant playlist, relative to the page. */
export const PLAYLIST_URL = 'cam/index.m3u8';

/**
 * @param {HTMLVideoElement} video
 * @param {import('./player.js').EngineEvents} events
 * @returns {import('./player.js').Engine}
 */
export function newEngine(video, events) {
  return hlsWorks() ? new HlsEngine(video, PLAYLIST_URL, events) : new NativeEngine(video, PLAYLIST_URL, events);
}
