/**
 * What is not sent where the network does not take it. Pure: a live picture that is late is of no use, so nothing ever piles up.
 */

/** How much of what was sent may wait on this device: beyond the first no more is coded, beyond the second none of it is sent. */
const WAITING_S = 0.4;
const WAITING_S_MAX = 1.5;
/** The least of that in bytes: a key frame. */
const WAITING_BYTES_MIN = 100_000;
/** A recording whose pieces wait for this long breaks off, and begins anew when they are gone. */
const FILE_WAITING_S = 2;
/** What is still of the old recording then. */
const FILE_LEFT_BYTES = 20_000;
/** Pictures that the encoder may have in hand. */
const ENCODING_MAX = 3;

/** Lets frames through, or leaves them out up to the next key frame. */
export class FrameGate {
  #bytesPerS;
  #skips = false;
  /** Frames that were left out. */
  leftOut = 0;

  /** @param {number} bitrate */
  constructor(bitrate) {
    this.#bytesPerS = bitrate / 8;
  }

  /** Whether a picture is to be coded. @param {{buffered: number, encoding: number}} now */
  takes({ buffered, encoding }) {
    const taken = encoding < ENCODING_MAX && buffered <= Math.max(this.#bytesPerS * WAITING_S, WAITING_BYTES_MIN);
    this.leftOut += taken ? 0 : 1;
    return taken;
  }

  /** Whether a frame is to be sent. @param {{buffered: number, key: boolean}} frame */
  sends({ buffered, key }) {
    const full = buffered > Math.max(this.#bytesPerS * WAITING_S_MAX, 3 * WAITING_BYTES_MIN);
    this.#skips = full || (this.#skips && !key);
    this.leftOut += this.#skips ? 1 : 0;
    return !this.#skips;
  }

  /** Whether the next picture is to be a key frame, for what comes before one is of no use. */
  get wantsKey() {
    return this.#skips;
  }
}

/** What to do with a recording: `go-on`, `break-off`, or `begin` after it was broken off. @param {{buffered: number, bitrate: number, brokenOff: boolean}} now */
export function fileStep({ buffered, bitrate, brokenOff }) {
  if (brokenOff) {
    return buffered <= FILE_LEFT_BYTES ? 'begin' : 'go-on';
  }
  return buffered > Math.max((bitrate / 8) * FILE_WAITING_S, 4 * WAITING_BYTES_MIN) ? 'break-off' : 'go-on';
}

/** How long a connection may take nothing of what waits before it counts as lost. */
const STALL_MS = 5000;

/** Notices a connection that takes nothing any more; browsers do not tell. */
export class StallWatch {
  #least = Infinity;
  #since = 0;

  /** Whether it has stalled. @param {{buffered: number, now: number}} seen `now` in ms */
  stalls({ buffered, now }) {
    if (buffered === 0 || buffered < this.#least) {
      [this.#least, this.#since] = [buffered === 0 ? Infinity : buffered, now];
      return false;
    }
    this.#least = Math.min(this.#least, buffered);
    return now - this.#since > STALL_MS;
  }
}
