import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bisectLast } from '../player/bisect.js';

test('the_last_item_that_it_holds_for_is_found_in_any_list', () => {
  for (let length = 0; length < 9; length += 1) {
    for (let held = 0; held <= length; held += 1) {
      assert.equal(bisectLast([...Array(length).keys()], (item) => item < held), held - 1, `${held} of ${length}`);
    }
  }
});
