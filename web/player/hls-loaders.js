/**
 * What hls.js loads with: its own loader, but for the live edge, which comes by live-edge-loader.js.
 */

/** @typedef {import('./live-edge-loader.js').LiveEdgeLoader} LiveEdgeLoader */

/**
 * Loaders for the configuration of hls.js.
 * @param {LiveEdgeLoader} feed
 * @param {typeof import('hls.js').default} Hls
 */
export function loadersOn(feed, Hls) {
  const Own = /** @type {any} */ (Hls.DefaultConfig.loader);
  return {
    pLoader: loaderOn(Own, (url) => feed.playlist(url), (url, text) => feed.learn(url, text)),
    fLoader: loaderOn(Own, (url) => feed.part(url), () => {}),
  };
}

/**
 * @param {any} Own hls.js's loader
 * @param {(url: string) => Promise<string | ArrayBuffer | null> | null} ask null: not at the live edge
 * @param {(url: string, data: any) => void} came told of what the network answered
 */
function loaderOn(Own, ask, came) {
  return class extends Own {
    #over = false;
    #timer = 0;

    /** @param {any} context @param {any} config @param {any} callbacks */
    load(context, config, callbacks) {
      const ranged = context.rangeEnd > 0;
      const answer = ranged ? null : ask(new URL(context.url, document.baseURI).href);
      if (answer === null) {
        this.#loadOwn(context, config, callbacks);
        return;
      }
      const start = performance.now();
      this.#timer = window.setTimeout(() => {
        this.#over = true;
        callbacks.onTimeout(this.stats, context, null);
      }, config.loadPolicy.maxLoadTimeMs);
      void answer.then((data) => {
        clearTimeout(this.#timer);
        if (this.#over) {
          return;
        }
        if (data === null) {
          this.#loadOwn(context, config, callbacks);
          return;
        }
        this.#succeed({ context, callbacks, data, start });
      });
    }

    /** @param {{context: any, callbacks: any, data: string | ArrayBuffer, start: number}} loaded */
    #succeed({ context, callbacks, data, start }) {
      const now = performance.now();
      const size = typeof data === 'string' ? data.length : data.byteLength;
      const { stats } = this;
      Object.assign(stats.loading, { start, first: now, end: now });
      Object.assign(stats, { loaded: size, total: size });
      // hls.js asks for the next one at once, from within.
      callbacks.onSuccess({ url: context.url, data, code: 200 }, stats, context, null);
    }

    /** @param {any} context @param {any} config @param {any} callbacks */
    #loadOwn(context, config, callbacks) {
      super.load(context, config, {
        ...callbacks,
        onSuccess: (/** @type {any} */ response, /** @type {any[]} */ ...rest) => {
          came(new URL(context.url, document.baseURI).href, response.data);
          callbacks.onSuccess(response, ...rest);
        },
      });
    }

    abort() {
      this.#end();
      super.abort();
    }

    destroy() {
      this.#end();
      super.destroy();
    }

    #end() {
      this.#over = true;
      clearTimeout(this.#timer);
    }
  };
}
