/**
 * Binary search: a day has very many fragments and key frames. Pure.
 */

/**
 * The index of the last item for which a condition holds, or -1. The condition must hold for a prefix of the list.
 * @template T
 * @param {readonly T[]} items
 * @param {(item: T) => boolean} holds
 */
export function bisectLast(items, holds) {
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
