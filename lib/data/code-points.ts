/** The order of UTF-8 bytes is the order of code points; JavaScript's own compares UTF-16 units. */
export function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
