/** Half a cosine between two values. */
export function halfCosine(share: number, from: number, to: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2;
}

/** A straight line between two values. */
export function straight(share: number, from: number, to: number): number {
  return from + (to - from) * share;
}
