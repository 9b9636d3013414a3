/** Something read, or something that could not be. */
export interface Entry {
  readable: boolean;
}

/**
 * Divides a stream of entries, which comes in portions, into groups with `size` readable ones each; entries keep their
 * order, and unreadable ones go with the next readable one.
 * @param rest what the portion before left over
 */
export function groupReadable<T extends Entry>(
  rest: readonly T[],
  portion: readonly T[],
  size: number,
): { groups: T[][]; rest: T[] } {
  const groups: T[][] = [];
  let group: T[] = [];
  let readable = 0;
  for (const entry of [...rest, ...portion]) {
    group.push(entry);
    readable += Number(entry.readable);
    if (readable < size || !entry.readable) continue;
    groups.push(group);
    group = [];
    readable = 0;
  }
  return { groups, rest: group };
}
