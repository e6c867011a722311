/**
 * How this browser can send: single frames from its encoder (WebCodecs), which are there the moment they are coded, or else the pieces of a
 * recording (MediaRecorder). Pure: what the browser can do is asked by functions that are passed in.
 */

/** Levels of H.264 with the macroblocks a second that each allows (ITU-T H.264 table A-1), as the last byte of the codec's name. */
const LEVELS = /** @type {[number, string][]} */ ([[40_500, '1e'], [108_000, '1f'], [216_000, '20'], [245_760, '28'], [522_240, '2a'], [983_040, '33'], [Infinity, '34']]);
/** Pictures per bit: what a camera's picture needs to look well. */
const BITS_PER_PIXEL = 0.08;
const BITRATE_MIN = 500_000;
const BITRATE_MAX = 8_000_000;

/**
 * Types of a recording, the best first. WebM goes out frame by frame; MP4 in fragments, which are later. H.264 is coded by most devices in
 * hardware, AV1 by few.
 */
const FILE_TYPES = ['video/webm;codecs=h264', 'video/webm;codecs=vp8', 'video/mp4;codecs=avc1.42E01F', 'video/mp4;codecs=avc1', 'video/webm;codecs=vp9',
  'video/webm;codecs=av1', 'video/webm', 'video/mp4'];

/** @typedef {{width: number, height: number, fps: number}} Shape */

/** Bits a second for pictures of that shape. @param {Shape} shape */
export function bitrateFor({ width, height, fps }) {
  return Math.round(Math.min(Math.max(width * height * fps * BITS_PER_PIXEL, BITRATE_MIN), BITRATE_MAX));
}

/** H.264 in Constrained Baseline, which has no frames that wait for later ones. @param {Shape} shape */
export function avcCodec({ width, height, fps }) {
  const blocks = Math.ceil(width / 16) * Math.ceil(height / 16) * fps;
  const [, level] = /** @type {[number, string]} */ (LEVELS.find(([most]) => blocks <= most));
  return `avc1.42e0${level}`;
}

/** What an encoder is asked for, the best first. @param {Shape} shape @returns {VideoEncoderConfig[]} */
export function frameConfigs(shape) {
  const even = { width: shape.width & ~1, height: shape.height & ~1 };
  const common = { ...even, bitrate: bitrateFor(shape), framerate: shape.fps, latencyMode: /** @type {const} */ ('realtime') };
  return [
    { ...common, codec: avcCodec(shape), avc: { format: /** @type {const} */ ('annexb') } },
    { ...common, codec: 'vp8' },
    { ...common, codec: 'vp09.00.41.08' },
    { ...common, codec: 'av01.0.08M.08' },
  ];
}

/**
 * The first of them that the browser can do; null if none.
 * @param {Shape} shape
 * @param {(config: VideoEncoderConfig) => Promise<boolean>} isSupported
 */
export async function chooseFrames(shape, isSupported) {
  for (const config of frameConfigs(shape)) {
    // What a browser has never heard of it may refuse with an error.
    if (await isSupported(config).catch(() => false)) {
      return config;
    }
  }
  return null;
}

/** The first type that can be recorded; null if none. @param {(type: string) => boolean} isSupported */
export function chooseFile(isSupported) {
  return FILE_TYPES.find(isSupported) ?? null;
}

/**
 * The ways to try, the best first.
 * @param {string} asked `frames`, `file`, or anything else for the best
 * @param {{frames: boolean, file: boolean}} can
 * @returns {('frames' | 'file')[]}
 */
export function waysOf(asked, can) {
  const all = /** @type {const} */ (['frames', 'file']);
  return all.filter((way) => can[way] && (asked === way || !all.some((each) => each === asked)));
}
