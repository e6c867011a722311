/**
 * Requests whose answers come piece by piece.
 */

/**
 * @typedef {object} Hooks of one request
 * @property {(bytes: Uint8Array) => void} chunk
 * @property {() => void} end all of it came
 * @property {() => void} failed there was no good answer, or it broke off
 */

/** @typedef {(url: string, hooks: Hooks) => () => void} Open begins a request, and gives a function that cancels it */

/**
 * Begins a GET, and returns a function that cancels it: no callback runs after that.
 * @param {string} url @param {Hooks} hooks
 */
export function openRequest(url, hooks) {
  const abort = new AbortController();
  read(url, hooks, abort.signal).then(
    () => abort.signal.aborted || hooks.end(),
    () => abort.signal.aborted || hooks.failed(),
  );
  return () => abort.abort();
}

/** @param {string} url @param {Hooks} hooks @param {AbortSignal} signal */
async function read(url, hooks, signal) {
  const response = await fetch(url, { signal });
  if (!response.ok || response.body === null) {
    throw new Error(`${url}: ${response.status}`);
  }
  const reader = response.body.getReader();
  for (let { done, value } = await reader.read(); !done && value; { done, value } = await reader.read()) {
    if (signal.aborted) {
      return;
    }
    hooks.chunk(value);
  }
}
