/**
 * Searching a list by halves: a day has very many fragments and key frames. Pure.
 */

/**
 * Where the last item is that a condition holds for; -1 if it holds for none. It holds for no item behind one that it does not hold for.
 * @template T
 * @param {readonly T[]} items
 * @param {(item: T) => boolean} holds
 */
export function lastThat(items, holds) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(items[middle])) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}
