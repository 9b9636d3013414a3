import { McLossError } from "../../errors.js";
import type { ListedSample, ReadDataset, SplitPart } from "./layout.js";

export const PARTS: readonly SplitPart[] = ["train", "val", "test"];

/** Images per part; those of a set that is not divided are under "all". */
export function countParts(samples: readonly ListedSample[]): Partial<Record<SplitPart | "all", number>> {
  const counts: Partial<Record<SplitPart | "all", number>> = {};
  for (const { split = "all" } of samples) counts[split] = (counts[split] ?? 0) + 1;
  return counts;
}

/** How a set's counts differ from the published ones, in words. */
export function compareCounts({ classes, samples, published, absent = {} }: ReadDataset): string[] {
  if (!published) return [];
  const counts = countParts(samples);
  const rows: [string, number, number][] = [
    ["classes", classes.length, published.classes],
    ...PARTS.filter((part) => !absent[part]).map((part): [string, number, number] => [
      `images in ${part}`,
      counts[part] ?? 0,
      published.parts[part] ?? 0,
    ]),
  ];
  return rows
    .filter(([, found, expected]) => found !== expected)
    .map(([what, found, expected]) => `${found} ${what}, published are ${expected}`);
}

/** @throws McLossError ERR_DATASET where the counts are not the published ones */
export function checkCounts(read: ReadDataset): void {
  const differences = compareCounts(read);
  if (differences.length === 0) return;
  const text = `${read.root} is not the whole of ${read.title}: it has ${differences.join("; ")}. Get the rest, or open it with { allowPartial: true } (--allow-partial)`;
  throw new McLossError("ERR_DATASET", text, { path: read.root });
}
