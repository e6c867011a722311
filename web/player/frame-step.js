/**
 * Steps from picture to picture of a video that is held.
 */

export class FrameStep {
  #video;
  /** Where the picture begins that a step has shown. */
  #shownAt = -Infinity;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.#video = video;
  }

  /**
   * The position of the neighbour of the picture shown, which is sought next.
   * @param {1 | -1} direction @param {number} frameS the length of a picture
   */
  target(direction, frameS) {
    const { currentTime } = this.#video;
    // Where the picture shown begins is known after a step; the middle of its neighbour is missed by no rounding.
    const isKnown = Math.abs(currentTime - this.#shownAt) < frameS;
    this.#video.requestVideoFrameCallback?.((_, { mediaTime }) => (this.#shownAt = mediaTime));
    return (isKnown ? this.#shownAt + frameS / 2 : currentTime) + direction * frameS;
  }
}
