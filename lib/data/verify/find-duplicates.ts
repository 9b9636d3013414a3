import { throwIfAborted } from "../../abort.js";
import { hashFile } from "../../io/hash-file.js";
import type { VerifyOptions } from "./verify-dataset.js";

/** The paths of files with the same bytes. */
export type Duplicates = readonly string[];

/** Groups files by content. Only files of one size are read. */
export async function findDuplicates(
  sizes: ReadonlyMap<string, number>,
  { signal, onProgress }: VerifyOptions,
): Promise<Duplicates[]> {
  const candidates = groupBy(sizes.keys(), (path) => sizes.get(path)).flat();
  const hashes = new Map<string, string>();
  for (const path of candidates) {
    throwIfAborted(signal, "verifying");
    hashes.set(path, await hashFile(path));
    onProgress?.("looking for duplicates", hashes.size, candidates.length);
  }
  return groupBy(candidates, (path) => hashes.get(path));
}

/** The groups of more than one. */
function groupBy(paths: Iterable<string>, keyOf: (path: string) => unknown): string[][] {
  const groups = new Map<unknown, string[]>();
  for (const path of paths) {
    const key = keyOf(path);
    const group = groups.get(key);
    if (group) group.push(path);
    else groups.set(key, [path]);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}
