// A history of hours or days, without waiting for one: files as the server writes them, whose segments are those of a short run moved to other
// places in time. There is no index: the server makes it from the files.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from './crc32.mjs';

const TIMESCALE = 90_000;
/** As the server's files are. */
const FILE_LEN = 64 << 20;
/** Of a box of the kind `uuid`: length, type, kind; behind them a checksum of the text. */
const BOX_HEAD = 8 + 16;

/**
 * @typedef {object} Template a segment of the short run
 * @property {any} header
 * @property {Buffer} bytes
 */

/** The newest file of a short run: its init segment, its header, its segments. */
export function readTemplates(folder) {
  const names = readdirSync(folder).filter((name) => name.endsWith('.mp4')).sort();
  const file = readFileSync(join(folder, names.at(-1)));
  const kindAt = (at) => file.toString('latin1', at + 4, at + 8);
  let at = 0;
  while (kindAt(at) !== 'uuid') {
    at += file.readUInt32BE(at);
  }
  const init = file.subarray(0, at);
  const kind = file.subarray(at + 8, at + BOX_HEAD);
  const fileHeader = textOf(file, at);
  const templates = [];
  for (at += file.readUInt32BE(at); at < file.length; ) {
    const header = textOf(file, at);
    at += file.readUInt32BE(at);
    const length = header.groups.reduce((sum, [, bytes]) => sum + bytes, 0);
    templates.push({ header, bytes: file.subarray(at, at + length) });
    at += length;
  }
  return { init, kind, fileHeader, templates };
}

/**
 * Writes stretches of footage to the folder of a camera. Each is a run of its own. Gives where each template's pictures stand, as
 * `capturedAt(ms)`: when the picture was captured that is shown at a moment of the history.
 * @param {string} folder
 * @param {ReturnType<typeof readTemplates>} from
 * @param {{startMs: number, segments: number}[]} stretches
 */
export function writeHistory(folder, { init, kind, fileHeader, templates }, stretches) {
  mkdirSync(folder, { recursive: true });
  const durationOf = ({ header }) => header.groups.reduce((sum, [ticks]) => sum + ticks, 0);
  const ticks = durationOf(templates[0]);
  const [segmentMs, zeroUs] = [ticks / (TIMESCALE / 1000), stretches[0].startMs * 1000];
  let [msn, keyFrames] = [1, 0];
  stretches.forEach(({ startMs, segments }, run) => {
    const stretch = { msn, at: 0, wall: startMs * 1000, discontinuity: true, start_us: startMs * 1000 - zeroUs, zero_us: zeroUs, stepped: false };
    let [pieces, length, name] = [[], 0, ''];
    const flush = () => name && writeFileSync(join(folder, name), Buffer.concat(pieces));
    for (let n = 0; n < segments; n += 1) {
      const { header, bytes } = templates[n % templates.length];
      const moved = movedTo(bytes, BigInt(n * ticks));
      const ofTime = { msn, at: n * ticks, wall: Math.round((startMs + n * segmentMs) * 1000), discontinuities: run + 1, key_frames: keyFrames };
      const begins = name === '' || length + moved.length > FILE_LEN;
      if (begins) {
        flush();
        const head = Buffer.concat([init, box(kind, { ...fileHeader, run: `madeup${run}`, init: run + 1, init_len: init.length })]);
        const date = new Date(ofTime.wall / 1000).toISOString().slice(0, 19).replace('T', '_').replaceAll(':', '-');
        [pieces, length, name] = [[head], head.length, `${date}_${String(msn).padStart(12, '0')}.mp4`];
      }
      const { stretch: _, ...rest } = header;
      const record = box(kind, { ...rest, ...ofTime, ...(begins ? { stretch } : {}), discontinuity: n === 0, crc: crc32(moved) });
      pieces.push(record, moved);
      length += record.length + moved.length;
      msn += 1;
      keyFrames += header.groups.filter(([, , key]) => key > 0).length;
    }
    flush();
  });
  return {
    capturedAt: (ms) => {
      const { startMs } = stretches.findLast((stretch) => stretch.startMs <= ms);
      const n = Math.floor((ms - startMs) / segmentMs);
      return templates[n % templates.length].header.wall / 1000 + (ms - startMs - n * segmentMs);
    },
    segmentMs,
  };
}

/** A segment at another place in time: only the decode time of its fragments is changed (ISO/IEC 14496-12 §8.8.12). */
function movedTo(bytes, ticks) {
  const out = Buffer.from(bytes);
  let base = null;
  for (let at = out.indexOf('tfdt'); at >= 0; at = out.indexOf('tfdt', at + 4)) {
    const time = out.readBigUInt64BE(at + 8);
    base ??= time;
    out.writeBigUInt64BE(time - base + ticks, at + 8);
  }
  return out;
}

function textOf(file, at) {
  return JSON.parse(file.toString('utf8', at + BOX_HEAD + 4, at + file.readUInt32BE(at)));
}

function box(kind, header) {
  const text = Buffer.from(JSON.stringify(header));
  const out = Buffer.alloc(BOX_HEAD + 4 + text.length);
  out.writeUInt32BE(out.length, 0);
  out.write('uuid', 4, 'latin1');
  kind.copy(out, 8);
  out.writeUInt32BE(crc32(text), BOX_HEAD);
  text.copy(out, BOX_HEAD + 4);
  return out;
}
