// The viewer page in a real browser, on the real binary with its drawn test source.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  FULL, LATENCY_MAX_MS, LIVE_MS, NOTICE_MS, PHONE, RETURN_MS, endServer, openPage, pageSays, pageTests, readStrip, screenshot, startServer, until,
  untilAge, untilNewer, untilState,
} from './support.mjs';

/** The age that the page shows and the age in the picture: two clocks rounded to ms, a few frames, and a busy machine. */
const AGE_ERROR_MAX_MS = 300;
/** The median age of the picture once the player has settled. It is 0.5 s on a machine that has time. */
const LATENCY_P50_MAX_MS = 1500;
/** Steps from picture to picture within which two new ones must be met. */
const STEPS_MAX = 60;
/** How long a tab is looked away from. */
const HIDDEN_MS = 30_000;
/** A browser that takes its time to play: the page has looked at the picture several times by then. */
const SLOW_PLAY_MS = 500;
/** A browser that takes its time to move the picture, and a pause that is longer than a player may stand still. */
const SLOW_MOVE_MS = 1500;
const LONG_PAUSE_MS = 8000;
/** After so long the segment that the player joined in the midst of is over. */
const SOME_PLAY_MS = 3000;
/** A browser that pauses tells the position of its clock, and shows a picture that it drew a little before. */
const PAUSE_ERROR_FRAMES = 2;

const { pageTest, shared } = pageTests();

pageTest('plays_live_by_itself_and_shows_its_true_latency', { server: { options: FULL } }, async ({ page, seen, running }) => {
  await untilState(page, ['live'], LIVE_MS);
  const first = await untilNewer(page, 0, NOTICE_MS);
  const later = await untilNewer(page, first.capturedMs + 1000, NOTICE_MS);
  assert.ok(later.number > first.number, `frame numbers advance: ${first.number}, ${later.number}`);
  const { says, ageMs } = await until(
    'the page shows a latency below 3 s that agrees with the picture',
    async () => {
      const [says, strip] = [await pageSays(page), await readStrip(page)];
      const done = says.latencyMs < LATENCY_MAX_MS && strip !== null && Math.abs(strip.ageMs - says.latencyMs) < AGE_ERROR_MAX_MS;
      return { done, seen: { says, ageMs: strip?.ageMs } };
    },
    NOTICE_MS,
  );
  console.log(`latency shown ${says.latencyMs} ms, read from the picture ${ageMs} ms`);
  assert.match(says.badge, /^live \d\.\d s$/i);
  assert.equal(says.sentence, 'You are watching live.');
  await screenshot(page, 'live');
  assert.deepEqual(seen.console, [], 'no console errors');
  assert.deepEqual(seen.violations, [], 'no violation of the content security policy');
  assert.deepEqual([...seen.hosts], [new URL(running.server.url).host], 'no request to another host');
});

pageTest('the_picture_is_half_a_second_old_and_stays_so', { server: { options: FULL } }, async ({ page }) => {
  await untilState(page, ['live'], LIVE_MS);
  console.log(`latency p50 ${await untilAge(page, LATENCY_P50_MAX_MS)} ms`);
});

pageTest('fits_a_phone_without_sideways_scrolling', { ...PHONE, colorScheme: 'dark' }, async ({ page }) => {
  await untilState(page, ['live'], LIVE_MS);
  await untilNewer(page, 0, NOTICE_MS);
  const { scroll, width, video } = await page.evaluate(() => ({
    scroll: document.documentElement.scrollWidth,
    width: window.innerWidth,
    video: document.getElementById('video').getBoundingClientRect().width,
  }));
  await screenshot(page, 'phone');
  assert.ok(scroll <= width, `${scroll} px of content in ${width} px`);
  assert.ok(video >= width * 0.95, `the picture takes ${video} of ${width} px`);
});

pageTest('every_button_has_a_name_and_the_keyboard_reaches_it', {}, async ({ page }) => {
  await untilState(page, ['live'], LIVE_MS);
  for (const name of ['Pause', 'Unmute', 'Statistics', 'Keyboard help', 'Fullscreen']) {
    await page.getByRole('button', { name, exact: true }).focus();
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.notEqual(outline, 'none', `${name} shows that it has the focus`);
  }
  await page.getByRole('button', { name: 'Unmute' }).press('Enter');
  await page.getByRole('button', { name: 'Mute', exact: true }).waitFor();
});

pageTest('a_pause_leads_to_the_past_and_a_button_back_to_live', {}, async ({ page }) => {
  await untilState(page, ['live'], LIVE_MS);
  await page.keyboard.press('k');
  await untilState(page, ['paused'], NOTICE_MS);
  const { capturedMs } = await untilNewer(page, 0, NOTICE_MS);
  await until('the pause has lasted', async () => ({ done: Date.now() - capturedMs > 6000 }), NOTICE_MS);
  await page.keyboard.press('k');
  const behind = await untilState(page, ['behind'], NOTICE_MS);
  assert.equal(behind.rate, 1, 'the past is played at its own speed');
  await screenshot(page, 'behind');
  await page.getByRole('button', { name: 'Jump to live' }).click();
  await untilState(page, ['live'], NOTICE_MS);
  await until('live again', async () => ({ done: ((await readStrip(page))?.ageMs ?? Infinity) < LATENCY_MAX_MS }), NOTICE_MS);
});

/** From the next `play` on, the position of the video stays for so long: a browser on a busy machine. */
function holdFirstMovement(page, forMs) {
  return page.evaluate((forMs) => {
    const video = document.getElementById('video');
    const position = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'currentTime');
    const held = position.get.call(video);
    let until = Infinity;
    Object.defineProperty(video, 'currentTime', {
      configurable: true,
      get: () => (performance.now() < until ? held : position.get.call(video)),
      set: (value) => {
        until = 0;
        position.set.call(video, value);
      },
    });
    video.addEventListener('play', () => (until = performance.now() + forMs), { once: true });
  }, forMs);
}

/** Holds the picture, and waits until it has been held for long. */
async function pauseForLong(page) {
  await untilState(page, ['live'], LIVE_MS);
  const { capturedMs } = await untilNewer(page, 0, NOTICE_MS);
  await untilNewer(page, capturedMs + SOME_PLAY_MS, NOTICE_MS);
  await page.keyboard.press('k');
  await untilState(page, ['paused'], NOTICE_MS);
  const held = await settled(page);
  await until('the pause has lasted', async () => ({ done: Date.now() - held.capturedMs > LONG_PAUSE_MS }), LONG_PAUSE_MS + NOTICE_MS);
  return held;
}

// Each has a page and a server of its own, and one after the other: a slow machine has enough to do with one.
// At 30 fps: what a tenth of a second does to a held picture is not what they are about.
const UNSEARCHED = { options: ['--size', '640x480', '--detect', 'none'] };
describe('a_page_that_is_left_for_long', () => {
  pageTest('a_long_pause_is_not_taken_for_a_player_that_stands_still', { server: UNSEARCHED }, async ({ page }) => {
    const held = await pauseForLong(page);
    const loaded = [];
    page.on('request', (request) => request.url().endsWith('/index.m3u8') && loaded.push(request.url()));
    await holdFirstMovement(page, SLOW_MOVE_MS);
    await page.keyboard.press('k');
    await untilState(page, ['behind'], NOTICE_MS);
    const newer = await untilNewer(page, held.capturedMs + 1000, NOTICE_MS);
    assert.ok(newer.capturedMs < held.capturedMs + LONG_PAUSE_MS, 'it goes on from the picture that was held');
    assert.deepEqual(loaded, [], 'nothing is loaded anew');
  });

  /** Breaks the player, and waits until it looks for something to play; gives what ends that. */
  async function breakPlayer(page) {
    let broken = true;
    await page.route('**/cam/video.m3u8*', (route) => (broken ? route.fulfill({ status: 404 }) : route.continue()));
    await page.waitForRequest((request) => request.url().endsWith('/index.m3u8'), { timeout: RETURN_MS });
    return async () => {
      const built = page.waitForRequest((request) => request.url().endsWith('.mp4'), { timeout: RETURN_MS });
      broken = false;
      await built;
    };
  }

  pageTest('a_picture_that_is_held_is_held_by_the_next_player_too', { server: UNSEARCHED }, async ({ page }) => {
    const held = await pauseForLong(page);
    const mend = await breakPlayer(page);
    await mend();
    await until('the same picture is shown', async () => {
      const seen = await readStrip(page);
      const done = seen !== null && Math.abs(seen.number - held.number) <= PAUSE_ERROR_FRAMES && !(await isSeeking(page));
      return { done, seen: { seen, held } };
    }, NOTICE_MS);
    assert.equal((await pageSays(page)).state, 'paused');
    await page.keyboard.press('k');
    await untilState(page, ['behind'], NOTICE_MS);
  });

  pageTest('what_is_wanted_while_the_player_is_broken_is_what_the_next_one_does', { server: UNSEARCHED }, async ({ page }) => {
    await untilState(page, ['live'], LIVE_MS);
    const { capturedMs } = await untilNewer(page, 0, NOTICE_MS);
    await untilNewer(page, capturedMs + LONG_PAUSE_MS, LONG_PAUSE_MS + NOTICE_MS);
    const mend = await breakPlayer(page);
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    const wanted = await page.evaluate(() => document.getElementById('video').currentTime);
    await untilState(page, ['paused'], NOTICE_MS);
    await mend();
    const { capturedMs: shown } = await settled(page);
    assert.equal((await pageSays(page)).state, 'paused', `wanted ${wanted}`);
    assert.ok(shown < capturedMs + LONG_PAUSE_MS, 'the past that was asked for');
    const again = await breakPlayer(page);
    await page.getByRole('button', { name: 'Jump to live' }).click();
    await again();
    await untilState(page, ['live'], LIVE_MS);
  });

  /**
   * What a browser does to a page that nobody looks at, and back. Headless browsers cannot hide a page, so the page is told that it is,
   * and then its timers are stopped as those of a hidden page are.
   */
  async function setHidden(page, hidden) {
    const cdp = await page.context().newCDPSession(page);
    if (!hidden) {
      await cdp.send('Page.setWebLifecycleState', { state: 'active' });
    }
    await page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { configurable: true, value });
      if (value) {
        document.getElementById('video').pause();
      }
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
    if (hidden) {
      await cdp.send('Page.setWebLifecycleState', { state: 'frozen' });
    }
    await cdp.detach();
  }

  pageTest('a_hidden_page_is_live_again_when_looked_at_but_only_if_it_was', { server: UNSEARCHED }, async ({ page }) => {
    await untilState(page, ['live'], LIVE_MS);
    await setHidden(page, true);
    const { capturedMs } = await untilNewer(page, 0, NOTICE_MS);
    await until('it was hidden for a while', async () => ({ done: Date.now() - capturedMs > HIDDEN_MS }), HIDDEN_MS + NOTICE_MS);
    const loaded = [];
    page.on('request', (request) => request.url().endsWith('/index.m3u8') && loaded.push(request.url()));
    await page.evaluate((afterMs) => {
      const video = document.getElementById('video');
      video.play = () => new Promise((done) => setTimeout(done, afterMs)).then(() => HTMLMediaElement.prototype.play.call(video));
    }, SLOW_PLAY_MS);
    await setHidden(page, false);
    await untilNewer(page, capturedMs + HIDDEN_MS, NOTICE_MS);
    await untilState(page, ['live'], NOTICE_MS);
    assert.deepEqual(loaded, [], 'what played while nobody looked plays on, and nothing is loaded anew');
    await page.keyboard.press('ArrowLeft');
    const past = await untilState(page, ['behind'], NOTICE_MS);
    await setHidden(page, true);
    await setHidden(page, false);
    const { position } = await untilState(page, ['behind'], NOTICE_MS);
    assert.ok(position < past.position + 2, `no jump: ${past.position}, ${position}`);
    await until('the past plays on', async () => {
      const seen = await pageSays(page);
      return { done: seen.state === 'behind' && seen.position > position + 2.5, seen };
    }, NOTICE_MS);
  });
});

pageTest('a_step_shows_the_neighbouring_picture_and_a_step_back_the_same_again', {}, async ({ page }) => {
  await untilState(page, ['live'], LIVE_MS);
  const { capturedMs } = await untilNewer(page, 0, NOTICE_MS);
  await untilNewer(page, capturedMs + 6000, NOTICE_MS);
  await page.keyboard.press('ArrowLeft');
  await untilState(page, ['behind'], NOTICE_MS);
  await page.keyboard.press(',');
  await untilState(page, ['paused'], NOTICE_MS);
  const step = async (key) => {
    await page.keyboard.press(key);
    return (await settled(page)).number;
  };
  // A busy machine repeats pictures in the stream, so neighbours may be alike.
  const there = [(await settled(page)).number];
  while (new Set(there).size < 3 && there.length < STEPS_MAX) {
    there.push(await step('.'));
  }
  assert.deepEqual(there, there.toSorted((a, b) => a - b), 'on is on');
  assert.ok(new Set(there).size === 3, `steps lead on: ${there}`);
  for (const number of there.toReversed().slice(1)) {
    assert.equal(await step(','), number, `the way back from ${there}`);
  }
});

/** The strip of a picture that stays. */
async function settled(page) {
  let last = null;
  return until('the picture stays', async () => {
    const [before, seen] = [last, (await isSeeking(page)) ? null : await readStrip(page)];
    last = seen;
    return { done: seen !== null && seen.number === before?.number, seen };
  }, NOTICE_MS);
}

function isSeeking(page) {
  return page.evaluate(() => document.getElementById('video').seeking);
}

test('a_page_opened_before_the_stream_is_ready_waits_and_then_plays', { timeout: 240_000 }, async () => {
  const server = await startServer();
  const context = await shared.browser.newContext();
  try {
    let ready = false;
    await context.route('**/cam/index.m3u8', (route) => (ready ? route.continue() : route.fulfill({ status: 503, headers: { 'retry-after': '1' } })));
    const page = await context.newPage();
    await page.goto(server.url);
    assert.equal((await untilState(page, ['starting'], NOTICE_MS)).sentence, 'Waiting for the picture.');
    ready = true;
    await untilState(page, ['live'], LIVE_MS);
  } finally {
    await context.close();
    await endServer(server, 'SIGKILL');
  }
});

pageTest('a_part_that_arrives_broken_does_not_end_the_playback', {}, async ({ page }) => {
  await untilState(page, ['live'], LIVE_MS);
  let broken = 0;
  await page.route(/\/cam\/.*\.(m4s|mp4)/, (route) => {
    broken += 1;
    return broken <= 2 ? route.fulfill({ body: Buffer.alloc(5000, 7) }) : route.continue();
  });
  await until('two broken parts were served', async () => ({ done: broken > 2, seen: broken }), NOTICE_MS);
  const brokenAt = Date.now();
  await untilNewer(page, brokenAt, RETURN_MS);
  await untilState(page, ['live'], RETURN_MS);
});

pageTest('plays_again_without_a_reload_after_the_server_was_killed_and_restarted', {}, async ({ page, running }) => {
  await untilState(page, ['live'], LIVE_MS);
  await page.evaluate(() => (window.sameDocument = true));
  await endServer(running.server, 'SIGKILL');
  const said = await untilState(page, ['unreachable'], NOTICE_MS);
  assert.equal(said.sentence, 'The server cannot be reached; this page keeps trying.');
  await screenshot(page, 'unreachable');
  const killedAt = Date.now();
  running.server = await startServer({ port: running.server.port });
  await untilNewer(page, killedAt, RETURN_MS);
  await untilState(page, ['live'], NOTICE_MS);
  assert.equal(await page.evaluate(() => window.sameDocument), true, 'the page was not loaded anew');
});

pageTest('a_server_that_ends_properly_is_told_as_the_end', {}, async ({ page, running }) => {
  await untilState(page, ['live'], LIVE_MS);
  assert.equal(await endServer(running.server, 'SIGINT'), 0, 'exit code after Ctrl-C');
  const said = await untilState(page, ['ended', 'unreachable'], NOTICE_MS);
  assert.match(said.sentence, /^The (stream has ended|server cannot be reached)/);
  await screenshot(page, 'ended');
  const endedAt = Date.now();
  running.server = await startServer({ port: running.server.port });
  await untilNewer(page, endedAt, RETURN_MS);
  await untilState(page, ['live'], NOTICE_MS);
});

pageTest('a_camera_that_vanishes_is_told_and_its_return_too', { server: { device: 'test:vanish@8s..14s' } }, async ({ page }) => {
  await untilState(page, ['live', 'camera-lost'], LIVE_MS);
  const said = await untilState(page, ['camera-lost'], LIVE_MS);
  assert.match(said.sentence, /^The camera (has been gone since .*|is gone); its picture returns by itself\.$/);
  await screenshot(page, 'camera-lost');
  const lostAt = Date.now();
  await untilState(page, ['live'], RETURN_MS);
  await untilNewer(page, lostAt, NOTICE_MS);
});
