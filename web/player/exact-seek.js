/**
 * Makes a held picture the one of its place. A browser that is sent to a place a little before what it has in its buffer shows the first
 * picture of that, and shows no other one when the right one has come.
 */

import { isBuffered } from './buffer.js';

/** @param {HTMLVideoElement} video */
export function keepSeeksExact(video) {
  let early = false;
  video.addEventListener('seeked', () => (early = !isBuffered(video)));
  video.addEventListener('progress', () => {
    // One that plays moves on by itself.
    if (early && video.paused && isBuffered(video)) {
      early = false;
      const { currentTime } = video;
      video.currentTime = currentTime;
    }
  });
}
