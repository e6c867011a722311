/**
 * Shares a stretch of time with somebody who has no account, by a link that expires.
 */

import { ofCamera } from '../shell/camera.js';
import { toast } from '../shell/page.js';

/** How long a link is good for. */
const HOURS = 24;
/** How long it is told. */
const TOLD_MS = 4000;

/** @param {{from: number, to: number}} stretch */
export async function shareStretch({ from, to }) {
  const body = JSON.stringify({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), hours: HOURS });
  const answer = await fetch(ofCamera('api/links'), { method: 'POST', headers: { 'content-type': 'application/json' }, body }).catch(() => null);
  if (!answer?.ok) {
    toast(answer === null ? 'The server cannot be reached' : (await answer.text()).trim(), TOLD_MS);
    return;
  }
  const link = new URL((await answer.json()).url, new URL('./', location.href)).href;
  try {
    await navigator.clipboard.writeText(link);
    toast('Link to this clip copied; it is good for a day', TOLD_MS);
  } catch {
    // Browsers give the clipboard to secure origins only.
    window.prompt('A link to this clip, good for a day:', link);
  }
}
