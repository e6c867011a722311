/**
 * Which engine plays: hls.js where it can, else the browser's own HLS; dash.js where the page is opened with `?player=dash`.
 */

import { archiveUrl } from './archive-engine.js';
import { CAMERA, ofCamera } from '../shell/camera.js';
import { DashEngine } from './dash-engine.js';
import { HlsEngine, hlsWorks } from './hls-engine.js';
import { NativeEngine } from './native-engine.js';

/** All relative to the page. */
export const PLAYLIST_URL = `${CAMERA}/index.m3u8`;
export const KEY_FRAMES_URL = `${CAMERA}/iframes.m3u8`;
export const CLIP_URL = `${CAMERA}/clip.mp4`;
export const THUMBNAIL_URL = `${CAMERA}/thumb.jpg`;
export const HISTORY_URL = ofCamera('api/history');
export const ARCHIVED_KEY_FRAMES_URL = `${CAMERA}/archive-iframes.m3u8`;
const ARCHIVE_URL = `${CAMERA}/archive.m3u8`;
const MANIFEST_URL = `${CAMERA}/index.mpd`;

/**
 * @typedef {object} Engine one playback of the stream, until it fails; positions are those of the video element, in seconds
 * @property {() => void} destroy
 * @property {() => void} stop loads no more, and leaves the picture
 * @property {import('hls.js').default | null} hls
 * @property {boolean} steered whether the latency controller may steer it
 * @property {(following: boolean) => void} setFollowing tells an engine that steers itself whether it may
 * @property {number | null} live where it wants to be when live; for ever ahead in an archive
 * @property {number | null} oldest the first position that is worth a seek
 * @property {Window | null} window
 * @property {(position: number) => number | null} dateAt
 * @property {(ms: number) => number | null} positionAt
 * @property {boolean | null} hasSound null while it is not known
 * @property {number} frameRate frames per second
 */

/** @typedef {{startMs: number, endMs: number}} Window capture times of the oldest and the newest picture that can be shown */

/**
 * @typedef {object} EngineEvents
 * @property {(answered: boolean) => void} heard whether the server answered a request
 * @property {() => void} ready there is something to play
 * @property {() => void} windowChanged
 * @property {(part: {end: number, duration: number, newest: boolean}) => void} partArrived as latency.js has it
 * @property {() => void} ended the stream is over
 * @property {() => void} failed nothing more will come of this engine
 */

/**
 * Begins to play the stream, or what the archive has around a moment.
 * @typedef {(video: HTMLVideoElement, events: EngineEvents, archive: import('./archive-engine.js').ArchivePlace | null) => Engine} MakeEngine
 */

/** @typedef {'hls.js' | 'dash.js' | 'native HLS'} EngineName */

/**
 * The engine to use, by name.
 * @param {import('../shell/options.js').Options['player']} asked
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
 * @param {import('../shell/requests.js').Open} open begins a request
 * @returns {MakeEngine}
 */
export function engineMaker(name, open) {
  switch (name) {
    case 'hls.js':
    case 'dash.js':
      return (video, events, archive) => {
        if (archive !== null) {
          return new HlsEngine(video, { url: archiveUrl(ARCHIVE_URL, archive), open, archiveMs: archive.ms }, events);
        }
        return name === 'dash.js' ? new DashEngine(video, MANIFEST_URL, events) : new HlsEngine(video, { url: PLAYLIST_URL, open, archiveMs: null }, events);
      };
    case 'native HLS':
      return (video, events, archive) => new NativeEngine(video, archive === null ? PLAYLIST_URL : archiveUrl(ARCHIVE_URL, archive), events, archive !== null);
  }
}
