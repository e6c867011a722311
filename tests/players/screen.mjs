// A screen of its own for each player, without a graphics card: Xvfb, which keeps what is on it in a file.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readStrip, stripHeight } from './strip.mjs';

/** The picture's size, so that a window without a border fills the screen. */
export const WIDTH = 640;
export const HEIGHT = 480;

/** Places of numbers in the head of an XWD file (X11/XWDFile.h): length of the head, bytes in a line, entries of the colour map. */
const HEAD = { bytes: 0, lineBytes: 48, colors: 76, needed: 80 };
const COLOR_BYTES = 12;
const PIXEL_BYTES = 4;

/** Starts a screen: `name` is what goes into DISPLAY, `read()` gives the strip on it or null, `stop()` ends it. */
export async function startScreen() {
  const folder = mkdtempSync(path.join(tmpdir(), 'hlscam-screen-'));
  // Players that refuse root run as somebody else, who must reach the display all the same: without -ac only its owner may.
  const options = ['-displayfd', '3', '-screen', '0', `${WIDTH}x${HEIGHT}x24`, '-fbdir', folder, '-nolisten', 'tcp', '-ac'];
  const child = spawn('Xvfb', options, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const exited = new Promise((resolve) => child.on('exit', resolve).on('error', resolve));
  const started = await Promise.race([once(child.stdio[3], 'data'), exited]);
  if (!Array.isArray(started)) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(`Xvfb did not start (${started}): install the package xvfb`);
  }
  chmodSync(folder, 0o700);
  const file = openSync(path.join(folder, 'Xvfb_screen0'), 'r');
  const head = Buffer.alloc(HEAD.needed);
  readSync(file, head, 0, head.length, 0);
  const lineBytes = head.readUInt32BE(HEAD.lineBytes);
  const at = head.readUInt32BE(HEAD.bytes) + head.readUInt32BE(HEAD.colors) * COLOR_BYTES;
  const pixels = Buffer.alloc(lineBytes * stripHeight(WIDTH));
  return {
    name: `:${started[0].toString().trim()}`,
    read() {
      readSync(file, pixels, 0, pixels.length, at);
      // Green is near enough to luma where everything is black or white.
      const strip = readStrip(WIDTH, (x, y) => pixels[y * lineBytes + x * PIXEL_BYTES + 1]);
      return strip && { ...strip, ageMs: Date.now() - strip.capturedMs };
    },
    async stop() {
      child.kill('SIGTERM');
      await exited;
      closeSync(file);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
