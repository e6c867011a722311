/**
 * What the pages of one browser share, as one of them sees it: requests and the event stream, by a shared worker. Where a browser has
 * none, or a frame may not use it, the page does everything by itself.
 */

import { ofCamera } from './camera.js';
import { EventStream } from './events.js';
import { openRequest } from './requests.js';

/** A worker that has not answered by then is not waited for. */
const ANSWER_MS = 3000;

/** @typedef {import('./requests.js').Hooks} Hooks */
/** @typedef {import('./events.js').Hooks} EventHooks */

/** The page's part of it. */
export class Shared {
  /** @type {MessagePort | null} */
  #port = null;
  /** How many pages there are, this one included; 0 before the worker has said so. */
  #pages = 0;
  #ids = 0;
  /** @type {Map<number, Hooks>} */
  #requests = new Map();
  /** @type {EventHooks | null} */
  #events = null;
  /** @type {Promise<boolean>} */
  #alive = Promise.resolve(false);

  /** Begins to share. */
  connect() {
    try {
      const worker = new SharedWorker(ofCamera('shared-worker.js'), { type: 'module', name: 'hlscam' });
      this.#alive = new Promise((tell) => {
        setTimeout(() => tell(false), ANSWER_MS);
        worker.onerror = () => tell(false);
        worker.port.onmessage = ({ data }) => {
          tell(true);
          this.#told(data);
        };
      });
      this.#port = worker.port;
      this.#send({ what: 'hello' });
    } catch {
      // Frames without an origin of their own have no workers, and some browsers have no shared ones.
      return;
    }
    window.addEventListener('pagehide', () => this.#send({ what: 'bye' }));
    window.addEventListener('pageshow', ({ persisted }) => persisted && this.#send({ what: 'hello' }));
  }

  /**
   * Begins a GET, together with other pages that ask for the same, and gives a function that cancels it.
   * A page that is alone asks by itself: that is one hop less.
   * @param {string} url @param {Hooks} hooks
   */
  open = (url, hooks) => (this.#pages > 1 ? this.#openShared(url, hooks) : openRequest(url, hooks));

  /**
   * Events while the page is looked at: a hidden page shows none, and asks for what it missed when it is seen again.
   * @param {EventHooks} hooks
   */
  async listen(hooks) {
    const alive = await this.#alive;
    this.#events = hooks;
    /** @type {EventStream | null} */
    let own = null;
    const follow = () => {
      if (alive) {
        this.#send({ what: document.hidden ? 'deaf' : 'listen' });
      } else if (document.hidden) {
        own?.close();
        own = null;
      } else {
        own ??= new EventStream(() => new EventSource(ofCamera('api/events')), hooks, setTimeout.bind(window));
      }
    };
    document.addEventListener('visibilitychange', follow);
    window.addEventListener('pageshow', ({ persisted }) => persisted && follow());
    follow();
  }

  /** @param {string} url @param {Hooks} hooks */
  #openShared(url, hooks) {
    this.#ids += 1;
    const id = this.#ids;
    this.#requests.set(id, hooks);
    this.#send({ what: 'open', id, url });
    return () => this.#requests.delete(id) && this.#send({ what: 'cancel', id });
  }

  /** @param {any} message */
  #told({ what, id, bytes, count, name, data }) {
    if (what === 'pages') {
      this.#pages = count;
    } else if (what === 'connected') {
      this.#events?.connected();
    } else if (what === 'event') {
      this.#events?.event(name, data);
    } else if (what === 'chunk') {
      this.#requests.get(id)?.chunk(bytes);
    } else {
      const hooks = this.#requests.get(id);
      this.#requests.delete(id);
      what === 'end' ? hooks?.end() : hooks?.failed();
    }
  }

  /** @param {object} message */
  #send(message) {
    this.#port?.postMessage(message);
  }
}
