// A stream that has run for a day, without waiting for one: the playlists list 24 h, and each segment is one of a few real ones of a
// running server, moved to its place in time. Page, status and everything else are the real server's. There are no parts.

import { createServer, request } from 'node:http';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { until } from './support.mjs';

const DAY_MS = 24 * 3_600_000;
/** Real segments that the day is made of, and the length of each. */
const TEMPLATES = 5;
const SEGMENT_MS = 2000;
const TIMESCALE = 90_000;
/** EXT-X-SKIP may leave out what is older than this. */
const SKIP_UNTIL_S = 12;
/** One marker in so long, of a length that varies. */
const MARKER_EVERY_MS = 17_000;

/** After so long the day shows the same pictures again. */
const ROUND_MS = TEMPLATES * SEGMENT_MS;

/**
 * Starts it in front of a server that has run for some seconds. `msAfter(capturedMs, ms)` is how long after a moment of the day the picture
 * with this clock strip comes, or comes again.
 */
export async function startDay(server) {
  const { init, templates } = await until('the server has segments to make a day of', () => read(server.url), 60_000);
  const startMs = Math.floor((Date.now() - DAY_MS) / SEGMENT_MS) * SEGMENT_MS;
  const day = { startMs, init, templates, markers: markersOf(startMs) };
  const http = createServer((asked, answer) => serve(day, server, asked, answer)).listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    url: `http://127.0.0.1:${http.address().port}/`,
    startMs,
    msAfter: (capturedMs, ms) => {
      const n = Math.floor((ms - startMs) / SEGMENT_MS);
      const after = capturedMs - templates[n % TEMPLATES].date - (ms - startMs - n * SEGMENT_MS);
      return ((after % ROUND_MS) + ROUND_MS) % ROUND_MS;
    },
    close: () => {
      http.closeAllConnections();
      http.close();
    },
  };
}

/** The newest whole segments of a server, with their key frames. */
async function read(url) {
  const text = async (name) => (await fetch(new URL(`cam/${name}`, url))).text();
  const [video, frames] = [await text('video.m3u8'), await text('iframes.m3u8')];
  const listed = [...video.matchAll(/^#EXT-X-PROGRAM-DATE-TIME:(.*)\n(?:#EXT-X-PART:.*\n)*#EXTINF:2\.00000,\n(\S+)$/gm)];
  // The first segment begins with the source's, and the newest may not be in the other playlist yet.
  const chosen = listed.slice(1, 1 + TEMPLATES);
  const templates = chosen.map(([, date, name]) => ({
    name,
    date: Date.parse(date),
    keys: [...frames.matchAll(/^#EXTINF:(.*),\n#EXT-X-BYTERANGE:(.*)\n(\S+)$/gm)].filter((key) => key[3] === name).map(([, s, range]) => ({ s, range })),
  }));
  const done = templates.length === TEMPLATES && templates.every(({ keys }) => keys.length > 0);
  if (done) {
    await Promise.all(templates.map(async (template) => {
      template.bytes = Buffer.from(await (await fetch(new URL(`cam/${template.name}`, url))).arrayBuffer());
    }));
  }
  return { done, seen: { init: video.match(/#EXT-X-MAP:URI="(.*)"/)?.[1], templates } };
}

function markersOf(startMs) {
  return Array.from({ length: Math.floor(DAY_MS / MARKER_EVERY_MS) }, (_, n) => {
    const begin = startMs + n * MARKER_EVERY_MS;
    const end = begin + 1000 + (n % 7) * 900;
    const iso = (ms) => new Date(ms).toISOString();
    return { id: `face-${n}`, kind: 'face', text: null, source: 'detector', begin: iso(begin), end: iso(end), count: 1, confidence: 0.9, box: null, data: null };
  });
}

function serve(day, server, asked, answer) {
  const { pathname, searchParams } = new URL(asked.url, server.url);
  const segment = pathname.match(/^\/cam\/day-(\d+)\.m4s$/);
  if (segment) {
    send(asked, answer, 'video/iso.segment', moved(day.templates[Number(segment[1]) % TEMPLATES].bytes, Number(segment[1])));
  } else if (pathname === '/cam/video.m3u8' || pathname === '/cam/iframes.m3u8') {
    const entry = pathname === '/cam/video.m3u8' ? videoEntry : iframeEntry;
    answer.setHeader('content-encoding', 'gzip');
    send(asked, answer, 'application/vnd.apple.mpegurl', gzipSync(playlist(day, entry, searchParams.has('_HLS_skip')), { level: 1 }));
  } else if (pathname === '/api/markers') {
    const [from, limit] = [Number(searchParams.get('cursor') ?? 0), Number(searchParams.get('limit'))];
    const next = from + limit < day.markers.length ? String(from + limit) : null;
    send(asked, answer, 'application/json', Buffer.from(JSON.stringify({ markers: day.markers.slice(from, from + limit), next })));
  } else {
    const upstream = request(new URL(asked.url, server.url), { method: asked.method, headers: { ...asked.headers, host: new URL(server.url).host } }, (from) => {
      answer.writeHead(from.statusCode, from.headers);
      from.pipe(answer);
    });
    upstream.on('error', () => answer.destroy());
    answer.on('close', () => upstream.destroy());
    asked.pipe(upstream);
  }
}

function send(asked, answer, type, body) {
  const range = asked.headers.range?.match(/^bytes=(\d+)-(\d+)$/);
  const part = range ? body.subarray(Number(range[1]), Number(range[2]) + 1) : body;
  const place = range ? { 'content-range': `bytes ${range[1]}-${Number(range[1]) + part.length - 1}/${body.length}` } : {};
  answer.writeHead(range ? 206 : 200, { 'content-type': type, 'content-length': part.length, ...place });
  answer.end(part);
}

const videoEntry = (n, date) => `#EXT-X-PROGRAM-DATE-TIME:${new Date(date).toISOString()}\n#EXTINF:2.00000,\nday-${n}.m4s\n`;

function iframeEntry(n, date, { keys }) {
  let at = date;
  return keys.map(({ s, range }) => {
    const entry = `#EXT-X-PROGRAM-DATE-TIME:${new Date(at).toISOString()}\n#EXTINF:${s},\n#EXT-X-BYTERANGE:${range}\nday-${n}.m4s\n`;
    at += Number(s) * 1000;
    return entry;
  }).join('');
}

/** The window of a day that ends now. An entry of the I-frame playlist is several segments. */
function playlist({ startMs, init, templates }, entry, delta) {
  const last = Math.floor((Date.now() - startMs) / SEGMENT_MS) - 1;
  const first = last - DAY_MS / SEGMENT_MS + 1;
  const skipped = delta ? last - first + 1 - (SKIP_UNTIL_S * 1000) / SEGMENT_MS : 0;
  const weight = entry === videoEntry ? 1 : templates[0].keys.length;
  const entries = [];
  for (let n = Math.max(0, first) + skipped; n <= last; n += 1) {
    entries.push(entry(n, startMs + n * SEGMENT_MS, templates[n % TEMPLATES]));
  }
  return [
    '#EXTM3U', '#EXT-X-VERSION:9', '#EXT-X-TARGETDURATION:2', `#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=${SKIP_UNTIL_S},HOLD-BACK=6`,
    ...(entry === iframeEntry ? ['#EXT-X-I-FRAMES-ONLY'] : []),
    `#EXT-X-MEDIA-SEQUENCE:${Math.max(0, first) * weight + 1}`, `#EXT-X-MAP:URI="${init}"`,
    ...(delta ? [`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped * weight}`] : []),
    entries.join(''),
  ].join('\n');
}

/** A segment at another place in time: only the decode time of its fragments is changed (ISO/IEC 14496-12 §8.8.12). */
function moved(bytes, n) {
  const out = Buffer.from(bytes);
  let base = null;
  for (let at = out.indexOf('tfdt'); at >= 0; at = out.indexOf('tfdt', at + 4)) {
    const time = out.readBigUInt64BE(at + 8);
    base ??= time;
    out.writeBigUInt64BE(time - base + BigInt(n) * BigInt((SEGMENT_MS * TIMESCALE) / 1000), at + 8);
  }
  return out;
}
