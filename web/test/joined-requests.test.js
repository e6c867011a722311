import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JoinedRequests } from '../shell/joined-requests.js';

function start() {
  const opened = [];
  const requests = new JoinedRequests((url, hooks) => {
    const request = { url, hooks, cancelled: false };
    opened.push(request);
    return () => (request.cancelled = true);
  });
  const ask = (url) => {
    const told = [];
    const cancel = requests.open(url, { chunk: (bytes) => told.push(...bytes), end: () => told.push('end'), failed: () => told.push('failed') });
    return { told, cancel };
  };
  return { opened, ask };
}

test('who_asks_for_the_same_shares_one_request_and_gets_all_of_it', () => {
  const { opened, ask } = start();
  const first = ask('a');
  opened[0].hooks.chunk([1]);
  const second = ask('a');
  const other = ask('b');
  opened[0].hooks.chunk([2]);
  opened[0].hooks.end();
  assert.deepEqual([first.told, second.told, other.told, opened.length], [[1, 2, 'end'], [1, 2, 'end'], [], 2]);
  ask('a');
  assert.equal(opened.length, 3, 'what has ended is asked for anew');
});

test('a_request_lives_as_long_as_somebody_waits_for_it', () => {
  const { opened, ask } = start();
  const [first, second] = [ask('a'), ask('a')];
  first.cancel();
  first.cancel();
  assert.equal(opened[0].cancelled, false);
  opened[0].hooks.chunk([1]);
  second.cancel();
  assert.deepEqual([first.told, second.told, opened[0].cancelled], [[], [1], true]);
  const again = ask('a');
  opened[1].hooks.failed();
  assert.deepEqual(again.told, ['failed']);
});
