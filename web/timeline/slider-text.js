/**
 * What the seek bar says to those who do not see it.
 */

import { clockText, durationText } from '../shell/clock.js';

/** @param {HTMLElement} bar @param {import('./timeline.js').Stretch} window what can be shown @param {number} at what is shown @param {boolean} following live */
export function tellSlider(bar, { from, to }, at, following) {
  bar.setAttribute('aria-valuemax', String(Math.round((to - from) / 1000)));
  bar.setAttribute('aria-valuenow', String(Math.round(Math.max(0, at - from) / 1000)));
  const ago = following ? 'live' : `${durationText(to - at)} before live`;
  bar.setAttribute('aria-valuetext', `${clockText(new Date(at), new Date())}, ${ago}`);
}
