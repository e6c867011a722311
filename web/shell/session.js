/**
 * Who looks at this page, where users are needed: the name, a way to log out, and what this user may not do.
 */

import { field } from './state.js';

/** Who has to log in does so on a page of its own, and comes back to this one. */
export function leaveForLogin() {
  location.assign(`login${location.search === '' ? '' : `?next=${encodeURIComponent(location.search)}`}`);
}

/**
 * Shows who is logged in, once it is known that somebody is.
 * @param {import('./server.js').Server} server
 */
export function showSession(server) {
  let asked = false;
  server.addEventListener('status', () => {
    if (!asked && field(server.status, 'protected') === true) {
      asked = true;
      showOwnSession().catch(() => (asked = false));
    }
  });
}

/** Shows who is logged in, or nothing where nobody needs to be. */
export async function showOwnSession() {
  show(await ask());
}

/** @returns {Promise<{user: string | null, role: string, session: boolean}>} */
async function ask() {
  const response = await fetch('api/session', { cache: 'no-store' });
  if (!response.ok) {
    throw new Error(String(response.status));
  }
  return response.json();
}

/** @param {{user: string | null, role: string, session: boolean}} session */
function show({ user, role, session }) {
  document.body.dataset.role = role;
  const form = /** @type {HTMLFormElement} */ (document.getElementById('session'));
  form.hidden = !session;
  const name = /** @type {HTMLElement} */ (document.getElementById('user'));
  name.textContent = user ?? '';
  name.title = role;
}
