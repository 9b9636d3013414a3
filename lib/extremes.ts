/** The largest of the values, however many there are; −Infinity of none, as Math.max(). */
export function maximum(values: Iterable<number>): number {
  let most = -Infinity;
  for (const value of values) most = Math.max(most, value);
  return most;
}

/** The smallest of the values, however many there are; Infinity of none, as Math.min(). */
export function minimum(values: Iterable<number>): number {
  let least = Infinity;
  for (const value of values) least = Math.min(least, value);
  return least;
}
