/**
 * What the page says, in one sentence each. Pure.
 */

/** @typedef {'asking' | 'ready' | 'refused' | 'starting' | 'sending' | 'shown' | 'occupied' | 'lost' | 'stopped'} State */

const STATES = /** @type {Record<State, string>} */ ({
  asking: 'Waiting for your permission to use the camera.',
  ready: 'Ready: START sends this picture.',
  refused: '',
  starting: 'Starting …',
  sending: 'Sending; viewers see it in a moment.',
  shown: 'Live: viewers see this picture.',
  occupied: '',
  lost: 'The server cannot be reached; it is tried again, and viewers see a slate meanwhile.',
  stopped: 'Stopped.',
});

/** @param {State} state @param {{why?: string, hidden?: boolean}} [more] */
export function sentenceFor(state, { why = '', hidden = false } = {}) {
  if (hidden && (state === 'sending' || state === 'shown')) {
    return 'This page is in the background: most browsers send no pictures until you come back to it.';
  }
  return why || STATES[state];
}

/** Why this page cannot use a camera or send at all; null where it can. @param {{secure: boolean, devices: boolean, ways: number, asked: string}} has */
export function obstacle({ secure, devices, ways, asked }) {
  if (!devices) {
    return secure
      ? 'This browser gives pages no camera; take another browser.'
      : 'Browsers give the camera to secure pages only: start hlscam with --tls and open this page by https://, or open it on the computer itself as http://localhost.';
  }
  if (ways === 0) {
    const wanted = { frames: 'WebCodecs', file: 'MediaRecorder' }[asked];
    return wanted ? `This browser cannot send by ${wanted}; choose another way.` : 'This browser cannot encode video; take another browser.';
  }
  return null;
}

/** Why there is no camera, by the name of the browser's error. @param {string} name */
export function cameraError(name) {
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'The camera is not allowed for this page: allow it in the browser’s settings of this site, and load the page again.';
    case 'NotFoundError':
      return 'There is no camera on this device.';
    case 'NotReadableError':
    case 'AbortError':
      return 'The camera cannot be opened: another program may be using it.';
    case 'OverconstrainedError':
      return 'This camera has no such picture: choose another size or rate.';
    default:
      return `The camera cannot be opened (${name}).`;
  }
}

/**
 * What follows the end of a connection that the server has told of.
 * @param {string} word @returns {{state: State, retries: boolean}}
 */
export function afterEnd(word) {
  switch (word) {
    case 'occupied':
    case 'taken':
      return { state: 'occupied', retries: false };
    case 'token':
    case 'slow':
    case 'ended':
      return { state: 'lost', retries: true };
    default:
      return { state: 'refused', retries: false };
  }
}

/** Why no token was given, by the status of the answer. @param {number} status @param {string} text */
export function tokenError(status, text) {
  return status === 403 ? 'You may watch only: sending needs the role operator, which an admin gives.' : text.trim() || `The server answered ${status}.`;
}
