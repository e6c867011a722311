// Players that are programs: how each is started on a screen of its own, and what it says on it.

import { spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startScreen, HEIGHT, WIDTH } from './screen.mjs';
import { readStrip, stripHeight } from './strip.mjs';

/** mpv's screen output is the plain one, and it keeps no settings of whoever runs the tests. */
const MPV = ['--no-config', '--no-audio', '--vo=x11', '--no-border', `--geometry=${WIDTH}x${HEIGHT}+0+0`, '--msg-level=all=error', '--no-input-default-bindings'];
/** The user and group `nobody`, for programs that refuse root. */
const NOBODY = 65534;

/** Each tells errors only, and is left to its own defaults in all that touches the stream. */
export const PROGRAMS = [
  {
    name: 'GStreamer playbin3',
    command: 'gst-launch-1.0',
    needs: ['gst-launch-1.0', 'Xvfb'],
    version: ['--version', /version (\S+)/],
    arguments: (url) => ['--quiet', 'playbin3', `uri=${url}`, 'video-sink=ximagesink'],
    note: 'in DASH, 1.22 fills 30 s of buffer before it plays',
  },
  {
    name: 'FFmpeg',
    command: 'ffmpeg',
    needs: ['ffmpeg'],
    version: ['-version', /version (\S+)/],
    arguments: (url) => ['-hide_banner', '-nostdin', '-loglevel', 'error', '-i', url, '-an', '-vf', `crop=${WIDTH}:${stripHeight(WIDTH)}:0:0,format=gray`, '-f', 'rawvideo', 'pipe:1'],
    frames: true,
    note: 'decodes as soon as it has bytes: the age at its decoder',
  },
  {
    name: 'ffplay',
    command: 'ffplay',
    needs: ['ffplay', 'Xvfb'],
    version: ['-version', /version (\S+)/],
    arguments: (url) => ['-hide_banner', '-loglevel', 'error', '-noborder', '-left', '0', '-top', '0', '-an', url],
  },
  {
    name: 'mpv',
    command: 'mpv',
    needs: ['mpv', 'Xvfb'],
    version: ['--version', /mpv (\S+)/],
    arguments: (url) => [...MPV, url],
  },
  {
    name: 'VLC',
    command: 'vlc',
    version: ['--version', /VLC version (\S+)/],
    needs: ['vlc', 'Xvfb'],
    arguments: (url) => ['--intf', 'dummy', '--no-audio', '--vout', 'xcb_x11', '--avcodec-hw', 'none', '--no-video-title-show', '--quiet', url],
    note: 'stays 15 s behind in HLS by its own rule (`--adaptive-livedelay`)',
  },
  {
    name: 'Streamlink with mpv',
    command: 'streamlink',
    needs: ['streamlink', 'mpv', 'Xvfb'],
    version: ['--version', /streamlink (\S+)/],
    arguments: (url) => ['--loglevel', 'error', '--player', 'mpv', '--player-args', MPV.join(' '), url, 'best'],
  },
];

/** Whether a command is there to be run. */
export function isInstalled(command) {
  return process.env.PATH.split(path.delimiter).some((folder) => existsSync(path.join(folder, command)));
}

/** What the program says it is. */
export function programVersion(program) {
  const [option, pattern] = program.version;
  const { stdout, stderr } = spawnSync(...invocation(program, [option]), { encoding: 'utf8' });
  return `${stdout}${stderr}`.match(pattern)?.[1] ?? 'unknown';
}

/** Whether it must run as another user than this one: VLC refuses root. */
function mustDropRoot({ command }) {
  return command === 'vlc' && process.getuid?.() === 0;
}

/** Command and arguments of a program that is to be run with the options given. */
function invocation(program, options) {
  return mustDropRoot(program) ? ['setpriv', ['--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups', program.command, ...options]] : [program.command, options];
}

/** A home of its own, so that no settings of whoever runs the tests are read; of whom it runs as, or VLC complains. */
function makeHome(program) {
  const home = mkdtempSync(path.join(tmpdir(), 'hlscam-player-'));
  if (mustDropRoot(program)) {
    chownSync(home, NOBODY, NOBODY);
  }
  return { home, env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home, XDG_RUNTIME_DIR: home } };
}

/** Starts a program on the stream: `read()` gives the strip of the newest picture or null, `errors()` what it complained of. */
export async function startProgram(program, url) {
  const screen = program.frames ? null : await startScreen();
  const { home, env } = makeHome(program);
  // A group of its own: Streamlink starts its player, which ends with it.
  const child = spawn(...invocation(program, program.arguments(url)), { env: { ...env, DISPLAY: screen?.name }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = [];
  const exited = new Promise((resolve) => child.on('exit', resolve).on('error', (error) => resolve(said.push(String(error)))));
  exited.then((code) => said.push(`it ended by itself with exit code ${code}`));
  child.stderr.setEncoding('utf8').on('data', (text) => said.push(...text.split('\n').filter((line) => line.trim() !== '')));
  let newest = null;
  if (program.frames) {
    eachFrame(child.stdout, (strip) => (newest = strip));
  } else {
    child.stdout.resume();
  }
  return {
    read: () => (screen ? screen.read() : newest),
    errors: () => [...said],
    async stop() {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended by itself, which `errors` tells.
      }
      await exited;
      await screen?.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Reads the strip of each grey frame of a pipe as it comes. */
function eachFrame(pipe, take) {
  const frame = Buffer.alloc(WIDTH * stripHeight(WIDTH));
  let filled = 0;
  pipe.on('data', (bytes) => {
    for (let from = 0; from < bytes.length; ) {
      const copied = bytes.copy(frame, filled, from);
      from += copied;
      filled += copied;
      if (filled === frame.length) {
        filled = 0;
        const strip = readStrip(WIDTH, (x, y) => frame[y * WIDTH + x]);
        take(strip && { ...strip, ageMs: Date.now() - strip.capturedMs });
      }
    }
  });
}
