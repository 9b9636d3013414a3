import { basename, dirname } from "node:path";
import { readText } from "../sets/text-file.js";
import { exists } from "../sets/paths.js";
import type { RemoteReader } from "../../io/remote-file.js";
import { labelsByName } from "../class-folders.js";
import { byCodePoint } from "../code-points.js";
import type { SplitPart } from "../sets/layout.js";
import { partOf } from "../sets/parts.js";
import { besideShard } from "./find-shards.js";
import { isAddress } from "./places.js";
import type { RawLabel } from "./tar-index.js";

/** The classes of labels, and what label each of them is. */
export interface Labelling {
  classes: readonly string[];
  /** Undefined for what is no class. */
  labelOf: (raw: RawLabel) => number | undefined;
}

/**
 * Classes of labels that are numbers, from 0, or names.
 * @param known what the set says that its numbers stand for
 * @param wanted the classes in the order of a model's labels, where it decides them
 */
export function labelling(
  labels: Iterable<RawLabel>,
  known: readonly string[] | undefined,
  wanted: readonly string[] | undefined,
): Labelling {
  const names = new Set<string>();
  let most = -1;
  for (const label of labels) {
    if (typeof label === "number") most = Math.max(most, label);
    else if (label !== null) names.add(label.normalize("NFC"));
  }
  // A name among numbers is no class.
  const numbered = most >= 0;
  const own = numbered
    ? Array.from({ length: Math.min(most, MOST_CLASSES) + 1 }, (_, number) => String(number))
    : [...names].sort(byCodePoint);
  const classes = wanted ?? known ?? own;
  const byName = labelsByName(classes);
  const labelOf = (raw: RawLabel) => {
    if (raw === null) return undefined;
    const name = typeof raw === "string" ? raw : wanted && known?.[raw];
    if (name !== undefined) return byName.get(name.normalize("NFC"));
    return typeof raw === "number" && raw >= 0 && raw < (known ?? classes).length ? raw : undefined;
  };
  return { classes, labelOf };
}

const MOST_CLASSES = 1_000_000;

/** What `classes.txt` beside the first shard says: a name a line, in the order of their numbers. Undefined without one. */
export async function readClassList(
  first: string,
  remote: RemoteReader,
  signal?: AbortSignal,
): Promise<string[] | undefined> {
  const place = besideShard(first, "classes.txt");
  const text = isAddress(place)
    ? await remote.readText(place, signal)
    : (await exists(place))
      ? await readText(place)
      : undefined;
  const lines = text?.split("\n").map((line) => line.trim());
  return lines?.filter((line) => line !== "");
}

/** The part that each shard's name says it is of; all undefined where one says nothing. */
export function partsOfShards(names: readonly string[]): (SplitPart | undefined)[] {
  const parts = names.map(partOfShard);
  return parts.every((part) => part !== undefined) ? parts : names.map(() => undefined);
}

/** "train-00000-of-00002.parquet", "imagenet1k-validation-01.tar", or `train/0000.parquet`. */
function partOfShard(name: string): SplitPart | undefined {
  const path = isAddress(name) ? decodeURI(new URL(name).pathname) : name;
  const words = basename(path)
    .toLowerCase()
    .split(/[^a-z]+/);
  return words.map(partOf).find((part) => part !== undefined) ?? partOf(basename(dirname(path)));
}
