import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bufferedEnd, lacksBeginning } from '../buffer.js';

/** A video element with these stretches in its buffer. */
function video(currentTime, ...stretches) {
  return { currentTime, buffered: { length: stretches.length, start: (i) => stretches[i][0], end: (i) => stretches[i][1] } };
}

test('the_buffer_ends_where_the_stretch_of_the_playhead_does', () => {
  assert.equal(bufferedEnd(video(5, [0, 2], [4, 8], [9, 12])), 8);
  assert.equal(bufferedEnd(video(8.95, [4, 8], [9, 12])), 12, 'browsers begin a stretch that is this near');
  assert.equal(bufferedEnd(video(3, [0, 2], [4, 8])), null);
});

test('a_fragment_of_which_only_the_end_is_there_lacks_its_beginning', () => {
  const fragment = { start: 16, end: 18 };
  const check = (expect, currentTime, ...stretches) => assert.equal(lacksBeginning(video(currentTime, ...stretches), fragment), expect, String(stretches));
  check(true, 16.5, [17, 20]);
  check(true, 16.5, [17, 17.2]);
  check(true, 16.5, [18, 20]);
  check(false, 17.5, [17, 20]);
  check(false, 16.5);
  check(false, 16.5, [19, 20]);
  check(false, 16.5, [16, 16.2], [17, 20]);
  check(true, 16.5, [12, 16], [17, 20]);
});
