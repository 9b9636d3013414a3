import type { SplitPart } from "./layout.js";

/** What people call the parts of a set, in lower case. */
const NAMES: Readonly<Record<SplitPart, readonly string[]>> = {
  train: ["train", "training"],
  val: ["val", "valid", "validation"],
  test: ["test", "testing"],
};

const BY_NAME = new Map(
  Object.entries(NAMES).flatMap(([part, names]) => names.map((name) => [name, part as SplitPart] as const)),
);

/** The part that a folder, or a cell of a manifest, stands for. */
export function partOf(name: string): SplitPart | undefined {
  return BY_NAME.get(name.toLowerCase());
}

/**
 * The folders whose names differ in a part's name alone, as `seg_train` and `seg_test`, or `train1` and `test1`: parts of a
 * set, and no classes. Empty where there are none.
 */
export function findPartPairs<Folder extends { name: string }>(folders: readonly Folder[]): Folder[] {
  const families = new Map<string, { folder: Folder; part: SplitPart }[]>();
  for (const folder of folders) {
    const words = folder.name.toLowerCase().split(/[^a-z]+/);
    const word = words.find((each) => BY_NAME.has(each)) ?? "";
    const part = BY_NAME.get(word);
    if (!part) continue;
    const rest = words.filter((each) => each !== word && each !== "").join(" ");
    families.set(rest, [...(families.get(rest) ?? []), { folder, part }]);
  }
  const pairs = [...families.values()].filter((family) => new Set(family.map(({ part }) => part)).size > 1);
  return pairs.flat().map(({ folder }) => folder);
}
