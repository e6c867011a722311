// Drives the system's own Firefox by its built-in Marionette protocol: JSON over TCP, each message led by its length.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from '../e2e/support.mjs';

/** Start-up of the browser on a busy machine. */
const START_MS = 60_000;
/** A request is `[0, id, command, parameters]` and its answer `[1, id, error, result]`. */
const REQUEST = 0;

const PREFERENCES = {
  'marionette.port': 0,
  // Nothing may be asked of the world outside.
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
};

/** Starts Firefox without a window: `command(name, parameters)` sends one command, `stop()` ends it. `preferences` come on top of its own, `options` on its command line. */
export async function startFirefox(binary, { preferences = {}, options = [] } = {}) {
  const profile = mkdtempSync(path.join(tmpdir(), 'hlscam-firefox-'));
  writeFileSync(path.join(profile, 'user.js'), Object.entries({ ...PREFERENCES, ...preferences }).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join(''));
  const child = spawn(binary, ['--headless', '--marionette', '--remote-allow-system-access', '--no-remote', '--profile', profile, ...options], { env: { ...process.env, HOME: profile }, stdio: 'ignore', detached: true });
  const exited = new Promise((resolve) => child.on('exit', resolve).on('error', resolve));
  const stop = async () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
    await exited;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const portFile = path.join(profile, 'MarionetteActivePort');
    const port = await until('Firefox opens its port', () => {
      const seen = existsSync(portFile) ? Number(readFileSync(portFile, 'utf8')) : 0;
      return { done: seen > 0, seen };
    }, START_MS);
    const command = await connect(port);
    await command('WebDriver:NewSession', {});
    return { command, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Connects, and gives a function that sends a command and waits for its answer. */
async function connect(port) {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const waiting = new Map();
  let received = Buffer.alloc(0);
  socket.on('data', (bytes) => {
    received = Buffer.concat([received, bytes]);
    for (let [message, rest] = cut(received); message; [message, rest] = cut(received)) {
      received = rest;
      const [, id, error, result] = message;
      const { resolve, reject } = waiting.get(id) ?? {};
      waiting.delete(id);
      if (error) {
        reject?.(new Error(`Firefox: ${error.message}`));
      } else {
        resolve?.(result && 'value' in result ? result.value : result);
      }
    }
  });
  socket.on('close', () => waiting.forEach(({ reject }) => reject(new Error('Firefox has ended'))));
  socket.on('error', () => {});
  let id = 0;
  return (name, parameters) =>
    new Promise((resolve, reject) => {
      id += 1;
      waiting.set(id, { resolve, reject });
      const text = Buffer.from(JSON.stringify([REQUEST, id, name, parameters]));
      socket.write(Buffer.concat([Buffer.from(`${text.length}:`), text]));
    });
}

/** The first whole message of what was received, and what follows it. Its greeting is an object without an id. */
function cut(received) {
  const colon = received.indexOf(':');
  const end = colon + 1 + Number(received.subarray(0, colon));
  if (colon < 0 || received.length < end) {
    return [null, received];
  }
  const message = JSON.parse(received.subarray(colon + 1, end));
  return [Array.isArray(message) ? message : [], received.subarray(end)];
}
