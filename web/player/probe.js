/**
 * Whether the server has a stream to play, asked by hand: so the last picture stays on the screen until there is another.
 */

import { playlistFacts } from './playlist-facts.js';

/** Longest wait for a playlist before it counts as failed. */
const TIMEOUT_MS = 5000;

/**
 * @param {string} url of the multivariant playlist
 * @param {(answered: boolean) => void} heard told whether the server answered
 * @param {number} waitMs until it is asked
 */
export async function canPlay(url, heard, waitMs) {
  await new Promise((wake) => setTimeout(wake, waitMs));
  try {
    const top = await factsOf(url, heard);
    const facts = top?.child ? await factsOf(new URL(top.child, new URL(url, document.baseURI)).href, heard) : top;
    return facts !== null && facts.valid && !facts.ended;
  } catch {
    heard(false);
    return false;
  }
}

/** @param {string} url @param {(answered: boolean) => void} heard */
async function factsOf(url, heard) {
  const response = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
  heard(true);
  return response.ok ? playlistFacts(await response.text()) : null;
}
