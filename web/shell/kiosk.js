/**
 * The page on a wall: no one presses a button there, so it keeps the screen on and reloads when nothing else has helped.
 */

/** A page that has shown nothing live for this long is loaded anew, if the server answers: the browser itself may be what is broken. */
const LOAD_ANEW_MS = 120_000;

/**
 * Whether it is time to load the page anew. Pure.
 * @param {{state: import('./state.js').State, contact: import('./state.js').Facts['contact'], forMs: number}} seen `forMs`: since the
 *   page was last live, or was opened
 */
export function shouldLoadAnew({ state, contact, forMs }) {
  // A camera that is gone, a stream that has ended and a server that is away are shown already; a new page would show the same.
  const broken = state === 'connecting' || state === 'starting' || state === 'paused' || state === 'behind';
  return broken && contact === 'heard' && forMs > LOAD_ANEW_MS;
}

/** Keeps the screen on, as far as the browser lets a page do so: on its own device or over TLS only. */
export function keepScreenOn() {
  const ask = () => {
    if (!document.hidden) {
      // Refused on low battery; asked again when the page is looked at again.
      navigator.wakeLock?.request('screen').catch(() => {});
    }
  };
  document.addEventListener('visibilitychange', ask);
  ask();
}
