/**
 * Cuts a segment that is still being written into its parts, as its bytes come. Pure.
 *
 * A part ends with an `mdat` (one `moof` and one `mdat`, ISO/IEC 14496-12 §8.8.4 and §8.1.1, and what stands before them).
 */

/** Bits of `tfhd` and `trun`: which of the optional fields are there (§8.8.7.1, §8.8.8.1). */
const TFHD = { baseDataOffset: 0x1, sampleDescription: 0x2, duration: 0x8, size: 0x10, flags: 0x20 };
const TRUN = { dataOffset: 0x1, firstFlags: 0x4, duration: 0x100, size: 0x200, flags: 0x400, composition: 0x800 };
/** The bit of a sample's flags that says that it needs others (§8.8.3.1). */
const NOT_SYNC = 0x10000;
/** Size and name of a box. */
const HEAD_BYTES = 8;
/** Version, flags and what comes before the optional fields. */
const [TFHD_BYTES, TRUN_BYTES] = [16, 16];
/** A box that says it is larger than this is none of ours: a part is some hundred kilobytes. */
const BOX_MAX = 1 << 26;

/**
 * @typedef {object} Cut
 * @property {Uint8Array} bytes
 * @property {number} ticks how long it lasts, in the track's own time scale
 * @property {boolean} independent whether it begins with a picture that needs no other
 */

/** Takes bytes in whatever pieces they come, and gives parts. */
export class PartCutter {
  #held = new Uint8Array(0);
  #at = 0;
  #ticks = 0;
  #independent = false;

  /**
   * The parts that are whole with these bytes. Throws when they are not boxes.
   * @param {Uint8Array} bytes
   * @returns {Cut[]}
   */
  push(bytes) {
    this.#held = joined(this.#held, bytes);
    const parts = [];
    for (let box = this.#box(); box !== null; box = this.#box()) {
      this.#at += box.size;
      if (box.name === 'moof') {
        this.#readMoof(new DataView(this.#held.buffer, this.#held.byteOffset + this.#at - box.size, box.size));
      } else if (box.name === 'mdat') {
        parts.push({ bytes: this.#held.slice(0, this.#at), ticks: this.#ticks, independent: this.#independent });
        this.#held = this.#held.slice(this.#at);
        this.#at = 0;
      }
    }
    return parts;
  }

  /** The next box, if all of it is there. */
  #box() {
    const box = boxAt(new DataView(this.#held.buffer, this.#held.byteOffset, this.#held.byteLength), this.#at);
    return box !== null && this.#at + box.size <= this.#held.byteLength ? box : null;
  }

  /** @param {DataView} moof */
  #readMoof(moof) {
    const traf = childOf(moof, 'traf');
    const tfhd = traf && childOf(traf, 'tfhd');
    const trun = traf && childOf(traf, 'trun');
    if (!tfhd || !trun) {
      throw new Error('a moof without a track');
    }
    ({ ticks: this.#ticks, independent: this.#independent } = samplesOf(trun, defaultsOf(tfhd)));
  }
}

/** @param {DataView} tfhd */
function defaultsOf(tfhd) {
  const has = flagsOf(tfhd);
  let at = TFHD_BYTES + (has & TFHD.baseDataOffset ? 8 : 0) + (has & TFHD.sampleDescription ? 4 : 0);
  const read = (/** @type {number} */ bit) => {
    const value = has & bit ? tfhd.getUint32(at) : 0;
    at += has & bit ? 4 : 0;
    return value;
  };
  const duration = read(TFHD.duration);
  read(TFHD.size);
  return { duration, flags: read(TFHD.flags) };
}

/** @param {DataView} trun @param {{duration: number, flags: number}} defaults */
function samplesOf(trun, defaults) {
  const has = flagsOf(trun);
  const count = trun.getUint32(HEAD_BYTES + 4);
  let at = TRUN_BYTES + (has & TRUN.dataOffset ? 4 : 0);
  let first = defaults.flags;
  if (has & TRUN.firstFlags) {
    first = trun.getUint32(at);
    at += 4;
  }
  let ticks = 0;
  for (let i = 0; i < count; i += 1) {
    ticks += has & TRUN.duration ? trun.getUint32(at) : defaults.duration;
    at += has & TRUN.duration ? 4 : 0;
    at += has & TRUN.size ? 4 : 0;
    if (i === 0 && has & TRUN.flags && !(has & TRUN.firstFlags)) {
      first = trun.getUint32(at);
    }
    at += (has & TRUN.flags ? 4 : 0) + (has & TRUN.composition ? 4 : 0);
  }
  return { ticks, independent: (first & NOT_SYNC) === 0 };
}

/** @param {DataView} full a box with version and flags */
function flagsOf(full) {
  return full.getUint32(HEAD_BYTES) & 0xffffff;
}

/** @param {DataView} parent @param {string} name @returns {DataView | null} */
function childOf(parent, name) {
  for (let at = HEAD_BYTES; ; ) {
    const box = boxAt(parent, at);
    if (box === null || at + box.size > parent.byteLength) {
      return null;
    }
    if (box.name === name) {
      return new DataView(parent.buffer, parent.byteOffset + at, box.size);
    }
    at += box.size;
  }
}

/** @param {DataView} view @param {number} at */
function boxAt(view, at) {
  if (at + HEAD_BYTES > view.byteLength) {
    return null;
  }
  const size = view.getUint32(at);
  if (size < HEAD_BYTES || size > BOX_MAX) {
    throw new Error(`a box of ${size} bytes`);
  }
  const name = String.fromCharCode(...[4, 5, 6, 7].map((i) => view.getUint8(at + i)));
  return { size, name };
}

/** @param {Uint8Array} a @param {Uint8Array} b */
function joined(a, b) {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
