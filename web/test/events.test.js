import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { test } from 'node:test';
import { EventStream } from '../shell/events.js';

/** As much of a browser's EventSource as the stream needs, over a real connection. */
class Source extends EventTarget {
  readyState = 0;
  #abort = new AbortController();
  constructor(url) {
    super();
    void this.#run(url);
  }

  close() {
    this.#abort.abort();
  }

  async #run(url) {
    try {
      const response = await fetch(url, { signal: this.#abort.signal });
      if (!response.ok) {
        throw new Error(String(response.status));
      }
      this.readyState = 1;
      this.dispatchEvent(new Event('open'));
      let text = '';
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        const blocks = (text += chunk).split('\n\n');
        text = blocks.pop();
        for (const block of blocks) {
          const field = (name) => block.match(new RegExp(`^${name}: (.*)$`, 'm'))?.[1];
          this.dispatchEvent(Object.assign(new Event(field('event') ?? 'message'), { data: field('data') }));
        }
      }
    } catch {
      if (this.#abort.signal.aborted) {
        return;
      }
      this.readyState = 2;
      this.dispatchEvent(new Event('error'));
    }
  }
}

test('events_arrive_and_a_refused_connection_is_tried_again_with_growing_waits', { timeout: 10_000 }, async () => {
  const refusals = [503, 404];
  const server = createServer((_, response) => {
    const status = refusals.shift() ?? 200;
    response.writeHead(status, { 'content-type': 'text/event-stream' });
    if (status !== 200) {
      response.end();
      return;
    }
    response.write(': hello\n\nid: 1\nevent: marker-begin\ndata: {"marker":{"id":"a"}}\n\n');
    response.write('id: 2\nevent: marker-end\ndata: {broken\n\n');
    response.write('id: 3\nevent: missed\ndata: {}\n\nid: 4\nevent: camera-lost\ndata: {"reason":"unplugged"}\n\n');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sources = [];
  const waits = [];
  const seen = [];
  await new Promise((resolve) => {
    new EventStream(
      () => {
        const source = new Source(`http://127.0.0.1:${server.address().port}/`);
        sources.push(source);
        return source;
      },
      {
        connected: () => seen.push('connected'),
        event: (name, data) => {
          seen.push([name, data]);
          if (name === 'camera-lost') {
            resolve();
          }
        },
      },
      (done, ms) => {
        waits.push(ms);
        setImmediate(done);
      },
    );
  });
  assert.deepEqual(waits, [2000, 4000]);
  assert.deepEqual(seen, ['connected', ['marker-begin', { marker: { id: 'a' } }], 'connected', ['camera-lost', { reason: 'unplugged' }]]);
  sources.forEach((source) => source.close());
  server.closeAllConnections();
  server.close();
});
