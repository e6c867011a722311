/**
 * Keeps the screen on while this device is a camera: one that goes dark sends nothing more.
 */

/** @type {WakeLockSentinel | null} */
let lock = null;
let wanted = false;

async function ask() {
  if (wanted && lock === null && !document.hidden) {
    // Refused on low battery; asked again when the page is looked at again.
    const given = await navigator.wakeLock?.request('screen').catch(() => null);
    lock = given ?? null;
    lock?.addEventListener('release', () => (lock = null));
  }
}

document.addEventListener('visibilitychange', () => void ask());

/** @param {boolean} on */
export function keepAwake(on) {
  wanted = on;
  if (on) {
    void ask();
  } else {
    void lock?.release();
  }
}
