// What the viewer page costs a browser beside a bare page that plays the same stream with hls.js: processor time and JavaScript heap.
//
//   node benches/page.mjs --url http://127.0.0.1:8080/ [--minutes 30] [--json]
//
// Each page has a browser of its own, and both run at the same time, so that a machine that slows down slows down both.

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startBrowser } from '../tests/e2e/support.mjs';

/** How often the heap is looked at, after a collection of garbage. */
const SAMPLE_MS = 15_000;
/** What is left out at the beginning: loading, compiling, the window of the test stream that fills. */
const WARM_UP_MS = 60_000;
/** Longest wait for a moving picture. */
const START_MS = 30_000;

/** The least that plays the stream: hls.js as it comes, with the low latency that it has by default. */
const BARE = `<!doctype html><title>bare</title><video id="video" muted autoplay playsinline style="width:100%;height:95vh"></video>
<script src="hls.js"></script><script>
const hls = new Hls(); hls.loadSource('cam/index.m3u8'); hls.attachMedia(video);
hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());
</script>`;

async function open(url, path, body) {
  const browser = await startBrowser();
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  if (body) {
    await page.route(`**/${path}`, (route) => route.fulfill({ body, contentType: 'text/html' }));
  }
  await page.goto(new URL(path, url).href);
  await page.waitForFunction(() => document.getElementById('video').currentTime > 0 && document.getElementById('video').readyState >= 3, null, { timeout: START_MS });
  const whole = await browser.newBrowserCDPSession();
  const inside = await page.context().newCDPSession(page);
  await inside.send('Performance.enable');
  return { browser, page, whole, inside };
}

/** Processor seconds of all processes of the browser so far. */
async function cpuS({ whole }) {
  const { processInfo } = await whole.send('SystemInfo.getProcessInfo');
  return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
}

async function heapMb({ inside }) {
  await inside.send('HeapProfiler.collectGarbage');
  const { metrics } = await inside.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'JSHeapUsedSize').value / 1e6;
}

async function mainThreadS({ inside }) {
  const { metrics } = await inside.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration').value;
}

async function measure(opened, minutes) {
  await sleep(WARM_UP_MS);
  const heaps = [];
  const end = performance.now() + minutes * 60_000;
  const [began, cpu, main] = [performance.now(), await cpuS(opened), await mainThreadS(opened)];
  while (performance.now() < end) {
    await sleep(Math.min(SAMPLE_MS, end - performance.now()));
    heaps.push(await heapMb(opened));
  }
  const seconds = (performance.now() - began) / 1000;
  const frames = await opened.page.evaluate(() => {
    const { totalVideoFrames, droppedVideoFrames } = document.getElementById('video').getVideoPlaybackQuality();
    return { total: totalVideoFrames, dropped: droppedVideoFrames };
  });
  return {
    cpu_percent: ((await cpuS(opened)) - cpu) / seconds * 100,
    main_thread_percent: ((await mainThreadS(opened)) - main) / seconds * 100,
    heap_first_mb: heaps[0],
    heap_last_mb: heaps.at(-1),
    heap_spread_mb: Math.max(...heaps) - Math.min(...heaps),
    frames: frames.total,
    dropped: frames.dropped,
  };
}

const { values } = parseArgs({ options: { url: { type: 'string' }, minutes: { type: 'string', default: '30' }, json: { type: 'boolean' } } });
const minutes = Number(values.minutes);
if (values.url === undefined || !(minutes > 0)) {
  console.error('usage: node benches/page.mjs --url http://127.0.0.1:8080/ [--minutes 30] [--json]');
  process.exit(64);
}
const pages = await Promise.all([open(values.url, ''), open(values.url, 'bare.html', BARE)]);
try {
  const [page, bare] = await Promise.all(pages.map((opened) => measure(opened, minutes)));
  const result = { minutes, browser: `Chromium ${pages[0].browser.version()}`, page, bare, cpu_ratio: page.cpu_percent / bare.cpu_percent };
  if (values.json) {
    console.log(JSON.stringify(result));
  } else {
    console.table({ page, bare });
    console.log(`processor time, page / bare: ${result.cpu_ratio.toFixed(3)} in ${minutes} min`);
  }
} finally {
  await Promise.all(pages.map(({ browser }) => browser.close()));
}
