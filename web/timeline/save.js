/**
 * What one keeps of a moment: its picture as a file, a link to it. And the way back: a page opened by such a link shows that moment.
 */

import { clockText, durationText } from '../shell/clock.js';
import { fileNameOf, linkTo, meansMoment, momentOf, withoutMoment } from './moment.js';
import { toast } from '../shell/page.js';

/** A viewer who opens a link looks for its moment first, and then at its text. */
const LINK_TOAST_MS = 8000;
/** Longest wait for the next frame of a video that plays; none comes while it stalls. */
const FRAME_MS = 500;

/**
 * Saves the picture on the screen, in its own size, under its capture time.
 * @param {import('../player/player.js').Player} player
 */
export async function saveSnapshot(player) {
  const { video } = player;
  if (video.videoWidth === 0 || player.captureTime === null) {
    toast('There is no picture yet');
    return;
  }
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const position = await framePosition(video);
  canvas.getContext('2d')?.drawImage(video, 0, 0);
  const at = player.captureTime + (position - video.currentTime) * 1000;
  canvas.toBlob((blob) => {
    if (blob !== null) {
      download(blob, fileNameOf(at, 'png'));
      toast(`Saved the picture of ${clockText(new Date(at), new Date())}`);
    }
  }, 'image/png');
}

/**
 * The position of the frame that is on the screen. A video that plays is a little ahead of it; the browser has the exact time with the next frame.
 * @param {HTMLVideoElement} video
 * @returns {Promise<number>}
 */
function framePosition(video) {
  if (video.paused || !('requestVideoFrameCallback' in video)) {
    return Promise.resolve(video.currentTime);
  }
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(video.currentTime), FRAME_MS);
    video.requestVideoFrameCallback((_, { mediaTime }) => {
      clearTimeout(timer);
      resolve(mediaTime);
    });
  });
}

/** @param {Blob} blob @param {string} name */
function download(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has taken what it needs by the next turn, but for some that read it a little later.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** What is saved of what just happened. */
const CLIP_S = 30;

/**
 * Saves the last half minute as a file: up to now, or in the past up to the moment shown.
 * @param {import('../player/player.js').Player} player
 * @param {string} clipUrl
 */
export async function saveClip(player, clipUrl) {
  const at = player.following ? null : player.captureTime;
  const url = new URL(clipUrl, location.href);
  if (at === null) {
    url.searchParams.set('last', String(CLIP_S));
  } else {
    url.searchParams.set('from', new Date(at - CLIP_S * 1000).toISOString());
    url.searchParams.set('to', new Date(at).toISOString());
  }
  await saveFrom(url, at === null ? `Saved the last ${CLIP_S} s` : `Saved the ${CLIP_S} s before ${clockText(new Date(at), new Date())}`);
}

/**
 * Saves a stretch of time as a file.
 * @param {{from: number, to: number, speed?: number}} stretch as a time-lapse where it has a speed
 * @param {string} clipUrl
 */
export function saveStretch({ from, to, speed }, clipUrl) {
  const url = new URL(clipUrl, location.href);
  url.searchParams.set('from', new Date(from).toISOString());
  url.searchParams.set('to', new Date(to).toISOString());
  if (speed !== undefined) {
    url.searchParams.set('speed', String(speed));
  }
  const how = speed === undefined ? '' : `, ${speed} times as fast`;
  return saveFrom(url, `Saved ${durationText(to - from)} from ${clockText(new Date(from), new Date())}${how}`);
}

/** Saves what an address of the server has. @param {URL} url @param {string} done what is told then */
async function saveFrom(url, done) {
  // Asked first: a link that leads to an error would show that instead of this page.
  const answer = await fetch(url, { method: 'HEAD' }).catch(() => null);
  if (!answer?.ok) {
    toast(answer === null ? 'The server cannot be reached' : 'There is nothing to be saved');
    return;
  }
  const link = document.createElement('a');
  link.href = url.href;
  link.download = '';
  link.click();
  toast(done);
}

/**
 * Puts a link to the moment shown on the clipboard.
 * @param {import('../player/player.js').Player} player
 */
export async function copyLink(player) {
  const at = player.captureTime;
  if (at === null) {
    toast('There is no picture yet');
    return;
  }
  const link = linkTo(location.href, at);
  try {
    await navigator.clipboard.writeText(link);
    toast(`Link to ${clockText(new Date(at), new Date())} copied`);
  } catch {
    // Browsers give the clipboard to secure origins only; the address bar is there for all.
    history.replaceState(null, '', link);
    toast('The link to this moment is in the address bar');
  }
}

/**
 * Shows the moment that the page's address names, now and whenever another is put there.
 * @param {import('../player/player.js').Player} player
 * @param {(at: number) => boolean} goTo whether it is known where that is
 */
export function followLinks(player, goTo) {
  let { following } = player;
  /** A page that is live again is not opened at the moment before, when it is loaded anew or its address is passed on. */
  const forget = () => history.replaceState(null, '', withoutMoment(location.href));
  const open = () => {
    const at = momentOf(location.hash);
    const { window: stretch } = player;
    if (at === null) {
      if (meansMoment(location.hash)) {
        toast(`The moment that this link names cannot be read${player.following ? '; this is live' : ''}`, LINK_TOAST_MS);
      }
      return true;
    }
    if (stretch === null || !goTo(at)) {
      return false;
    }
    if (at < stretch.startMs) {
      toast('That moment is over; this is the oldest picture', LINK_TOAST_MS);
    } else if (at > stretch.endMs) {
      toast('That moment is yet to come; this is live', LINK_TOAST_MS);
    }
    if (player.following) {
      forget();
    }
    return true;
  };
  // A link that comes while there is nothing to be shown waits for it.
  const openSoon = () => {
    player.removeEventListener('window', openSoon);
    if (!open()) {
      player.addEventListener('window', openSoon);
    }
  };
  player.addEventListener('change', () => {
    if (player.following && !following) {
      forget();
    }
    ({ following } = player);
  });
  window.addEventListener('hashchange', openSoon);
  openSoon();
}
