/**
 * What a video element has in its buffer. Pure.
 */

/** A playhead this little before a stretch of the buffer counts as in it: browsers start such a stretch by themselves. */
const GAP_S = 0.1;

/**
 * The end of the stretch that holds the playhead, or null.
 * @param {Pick<HTMLVideoElement, 'buffered' | 'currentTime'>} video
 */
export function bufferedEnd({ buffered, currentTime }) {
  for (let i = buffered.length - 1; i >= 0; i -= 1) {
    if (buffered.start(i) - GAP_S <= currentTime && currentTime <= buffered.end(i)) {
      return buffered.end(i);
    }
  }
  return null;
}

/**
 * Whether the picture at the playhead is in the buffer.
 * @param {Pick<HTMLVideoElement, 'buffered' | 'currentTime'>} video
 */
export function isBuffered({ buffered, currentTime }) {
  return Array.from({ length: buffered.length }, (_, i) => i).some((i) => buffered.start(i) <= currentTime && currentTime < buffered.end(i));
}

/**
 * Whether a stretch has its end in the buffer and not its beginning, and the playhead waits in the missing part.
 * @param {Pick<HTMLVideoElement, 'buffered' | 'currentTime'>} video
 * @param {{start: number, end: number}} stretch that the playhead is in
 */
export function lacksBeginning({ buffered, currentTime }, { start, end }) {
  const parts = Array.from({ length: buffered.length }, (_, i) => ({ from: buffered.start(i), to: buffered.end(i) }));
  const begun = parts.some(({ from, to }) => from - GAP_S <= currentTime && to > start);
  return !begun && parts.some(({ from }) => from > currentTime && from <= end);
}

/**
 * The end of what can be played at all, or null.
 * @param {Pick<HTMLVideoElement, 'seekable'>} video
 */
export function seekableEnd({ seekable }) {
  return seekable.length > 0 ? seekable.end(seekable.length - 1) : null;
}

/**
 * Seconds of buffer ahead of the picture.
 * @param {Pick<HTMLVideoElement, 'buffered' | 'currentTime'>} video
 */
export function bufferAhead(video) {
  const end = bufferedEnd(video);
  return end === null ? 0 : Math.max(0, end - video.currentTime);
}
