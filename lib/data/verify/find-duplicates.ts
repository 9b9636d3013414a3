import { throwIfAborted } from "../../abort.js";
import type { FileFacts } from "./check-images.js";
import type { VerifyOptions } from "./options.js";

/** The paths of files with the same bytes. */
export type Duplicates = readonly string[];

/** Groups files by content. Only files that begin and end alike are read, and each of them once. */
export async function findDuplicates(
  files: ReadonlyMap<string, FileFacts>,
  { signal, onProgress }: VerifyOptions,
): Promise<Duplicates[]> {
  const candidates = groupBy(files.keys(), (path) => files.get(path)?.fingerprint).flat();
  const hashes = new Map<string, string>();
  for (const [index, path] of candidates.entries()) {
    throwIfAborted(signal, "verifying");
    const file = files.get(path);
    if (file && !hashes.has(file.identity)) hashes.set(file.identity, await file.hash());
    onProgress?.("looking for duplicates", index + 1, candidates.length);
  }
  return groupBy(candidates, (path) => hashes.get(files.get(path)?.identity ?? path));
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
