/**
 * One for all pages of a browser that show the same camera, which its own address names. It holds their event stream, and asks once for what several of them wait for: a browser opens six
 * connections to a server (HTTP/1.1), so pages that each held some of their own would leave none for the others.
 */

import { EventStream } from './shell/events.js';
import { JoinedRequests } from './shell/joined-requests.js';
import { openRequest } from './shell/requests.js';

/** Every page that is open, and how each of its requests is cancelled. @type {Map<MessagePort, Map<number, () => void>>} */
const pages = new Map();
/** Pages that somebody looks at, which want events. @type {Set<MessagePort>} */
const listeners = new Set();
const requests = new JoinedRequests(openRequest);
/** @type {EventStream | null} */
let stream = null;
let connected = false;

/** @type {Record<string, (port: MessagePort, message: any) => void>} */
const does = {
  hello(port) {
    pages.set(port, new Map());
    tellPages();
  },
  bye(port) {
    pages.get(port)?.forEach((cancel) => cancel());
    pages.delete(port);
    does.deaf(port, {});
    tellPages();
  },
  open(port, { id, url }) {
    const own = pages.get(port);
    const tell = (/** @type {string} */ what, bytes = null) => port.postMessage({ what, id, bytes });
    const over = (/** @type {string} */ what) => {
      own?.delete(id);
      tell(what);
    };
    own?.set(id, requests.open(url, {
      chunk: (bytes) => tell('chunk', /** @type {any} */ (bytes)),
      end: () => over('end'),
      failed: () => over('failed'),
    }));
  },
  cancel(port, { id }) {
    pages.get(port)?.get(id)?.();
    pages.get(port)?.delete(id);
  },
  listen(port) {
    listeners.add(port);
    if (connected) {
      port.postMessage({ what: 'connected' });
    }
    stream ??= new EventStream(() => new EventSource(`api/events${location.search}`), { connected: tellConnected, event: tellEvent }, setTimeout.bind(globalThis));
  },
  deaf(port) {
    listeners.delete(port);
    if (listeners.size === 0) {
      stream?.close();
      stream = null;
      connected = false;
    }
  },
};

/** @type {any} */ (globalThis).onconnect = (/** @type {MessageEvent} */ { ports: [port] }) => {
  port.onmessage = ({ data }) => does[data.what]?.(port, data);
};

function tellPages() {
  pages.forEach((_, port) => port.postMessage({ what: 'pages', count: pages.size }));
}

function tellConnected() {
  connected = true;
  listeners.forEach((port) => port.postMessage({ what: 'connected' }));
}

/** @param {string} name @param {unknown} data */
function tellEvent(name, data) {
  listeners.forEach((port) => port.postMessage({ what: 'event', name, data }));
}
