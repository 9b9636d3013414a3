import type { Random } from "../../image/random.js";

/** `count` numbers of weights, each as often as its weight says on average. */
export function drawWithReplacement(weights: readonly number[], count: number, random: Random): number[] {
  const ends: number[] = [];
  const total = weights.reduce((sum, weight) => (ends[ends.length] = sum + weight), 0);
  return Array.from({ length: count }, () => firstAbove(ends, random.uniform(0, total)));
}

/** The first of the ascending `ends` that is above `value`. */
function firstAbove(ends: readonly number[], value: number): number {
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
