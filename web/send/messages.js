/**
 * What a sender and the server say to each other. Pure.
 */

/** Before the bytes of a frame: flags, and the time stamp in microseconds, most significant byte first. */
const FRAME_HEAD_LEN = 9;
/** The flag of a key frame. */
const KEY = 1;

/** What is sent next: how, of what type, and how many pictures a second. @typedef {{way: 'frames' | 'file', type: string, fps: number}} Begin */
/** @typedef {{kind: 'accepted' | 'shown' | 'key'} | {kind: 'end', word: string, why: string}} Heard */

/** The first text. @param {{token: string, page: string, takeOver: boolean, begin: Begin}} hello */
export function helloText({ token, page, takeOver, begin }) {
  return JSON.stringify({ token, page, take_over: takeOver, begin });
}

/** A later text: what comes next begins anew. @param {Begin} begin */
export function beginText(begin) {
  return JSON.stringify({ begin });
}

/** A frame. @param {{stampUs: number, key: boolean, length: number, copyTo: (bytes: Uint8Array) => void}} frame */
export function frameMessage({ stampUs, key, length, copyTo }) {
  const bytes = new Uint8Array(FRAME_HEAD_LEN + length);
  bytes[0] = key ? KEY : 0;
  new DataView(bytes.buffer).setBigInt64(1, BigInt(Math.round(stampUs)));
  copyTo(bytes.subarray(FRAME_HEAD_LEN));
  return bytes;
}

/** What the server says; null for what this page does not know. @param {unknown} data @returns {Heard | null} */
export function heardFrom(data) {
  let said;
  try {
    said = JSON.parse(String(data));
  } catch {
    return null;
  }
  if (typeof said?.end === 'string') {
    return { kind: 'end', word: said.end, why: String(said.why ?? '') };
  }
  const kind = /** @type {const} */ (['accepted', 'shown', 'key']).find((each) => said?.[each] === true);
  return kind === undefined ? null : { kind };
}
