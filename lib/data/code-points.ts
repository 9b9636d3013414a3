/** The order of UTF-8 bytes is the order of code points; JavaScript's own compares UTF-16 units. */
export function byCodePoint(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at += 1) {
    const [one, other] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (one !== other) return order(one) - order(other);
  }
  return a.length - b.length;
}

/** Surrogates, which stand for what is beyond the other units, after them. */
function order(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
