/**
 * The camera of this device: asked for, chosen, and shown in the preview.
 */

import { cameraError } from './sentences.js';

/** What `facingMode` is called. */
const FACINGS = /** @type {[string, string][]} */ ([['user', 'Front camera'], ['environment', 'Back camera']]);

/** Events: `opened` with another picture, `failed` with `detail` a sentence, `muted` and `unmuted` when the system pauses the camera. */
export class Camera extends EventTarget {
  #video;
  #device;
  /** @type {MediaStream | null} */
  #stream = null;

  /** @param {HTMLVideoElement} video @param {HTMLSelectElement} device */
  constructor(video, device) {
    super();
    this.#video = video;
    this.#device = device;
    navigator.mediaDevices.addEventListener?.('devicechange', () => void this.#list());
  }

  get isOpen() {
    return this.#stream?.active === true;
  }

  /**
   * Opens the camera that is chosen, which asks the user at first.
   * @param {{width: number, height: number, fps: number}} wanted a width of 0 leaves the size to the camera
   */
  async open({ width, height, fps }) {
    this.#close();
    const chosen = this.#device.value;
    const which = FACINGS.some(([facing]) => facing === chosen) ? { facingMode: chosen } : chosen === '' ? {} : { deviceId: { exact: chosen } };
    const size = width > 0 ? { width: { ideal: width }, height: { ideal: height } } : {};
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...which, ...size, frameRate: { ideal: fps } } });
      this.#stream = stream;
      const [track] = stream.getVideoTracks();
      track.addEventListener('ended', () => stream === this.#stream && this.#fail('The camera is gone: it was unplugged, or another program took it.'));
      track.addEventListener('mute', () => this.dispatchEvent(new Event('muted')));
      track.addEventListener('unmute', () => this.dispatchEvent(new Event('unmuted')));
      this.#video.srcObject = stream;
      await this.#video.play();
      await this.#list();
      this.dispatchEvent(new Event('opened'));
    } catch (error) {
      this.#fail(cameraError(error instanceof Error ? error.name : String(error)));
    }
  }

  #close() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
  }

  /** @param {string} why */
  #fail(why) {
    this.#close();
    this.dispatchEvent(new CustomEvent('failed', { detail: why }));
  }

  /** Lists the cameras; their names are told once the user has allowed one. */
  async #list() {
    const devices = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === 'videoinput');
    const named = devices.filter(({ deviceId }) => deviceId !== '').map(({ deviceId, label }, index) => [deviceId, label || `Camera ${index + 1}`]);
    const chosen = this.#device.value;
    const options = [['', 'Any camera'], ...(devices.length > 1 ? FACINGS : []), ...named];
    this.#device.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
  }
}
