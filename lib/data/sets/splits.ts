import { invalidArgument, McLossError } from "../../errors.js";
import { labelsByName } from "../class-folders.js";
import { ListDataset } from "../dataset.js";
import { checkCounts, countParts, PARTS } from "./counts.js";
import type { ListedSample, Listing, OpenOptions, ReadDataset, Split } from "./layout.js";
import { shown } from "../../shown.js";

export const SPLITS: readonly Split[] = ["train", "val", "trainval", "test"];

/** A split of a set, whose counts must be the published ones. @throws McLossError ERR_DATASET */
export function openSplit(
  read: ReadDataset,
  { split, allowPartial = false, classes }: OpenOptions & { classes?: readonly string[] | undefined },
): ListDataset<ListedSample> {
  if (!allowPartial) checkCounts(read);
  const set = takeSplit(read.root, read, split);
  return classes ? relabel(read.root, set, classes) : set;
}

/** The images of `split`. @throws McLossError ERR_DATASET where there are none */
export function takeSplit(
  path: string,
  listing: Listing,
  split: Split = "trainval",
): ListDataset<ListedSample> {
  if (!SPLITS.includes(split))
    throw invalidArgument("split", `must be one of ${SPLITS.join(", ")}, got ${shown(split)}`);
  const samples = listing.samples.filter((sample) =>
    split === "trainval" ? sample.split !== "test" : sample.split === split,
  );
  if (samples.length > 0) return new ListDataset(listing.classes, samples, listing.notes);
  throw new McLossError("ERR_DATASET", `${path} has no images in ${split}: ${adviseOn(listing, split)}`, {
    path,
  });
}

function adviseOn({ samples, notes = [], absent = {} }: Listing, split: Split): string {
  const why = split === "trainval" ? undefined : absent[split];
  if (why !== undefined) return why;
  const counts = countParts(samples);
  const parts = PARTS.filter((part) => counts[part]);
  const has = parts.length > 0 ? [`it has ${parts.join(" and ")}`] : [];
  const undivided = samples.length > 0 && parts.length === 0 ? ["it is not divided into splits"] : [];
  return [...has, ...undivided, ...notes].join("; ") || "it has none";
}

/** The same images with the labels that `classes` gives their classes. */
function relabel(
  path: string,
  set: ListDataset<ListedSample>,
  classes: readonly string[],
): ListDataset<ListedSample> {
  const byName = labelsByName(classes);
  const labels = set.classes.map((name) => byName.get(name.normalize("NFC")));
  const unknown = set.classes[labels.indexOf(undefined)];
  if (unknown !== undefined) {
    const text = `${path} has the class "${unknown}", which the model does not know: give it a set of its own classes`;
    throw new McLossError("ERR_DATASET", text, { path });
  }
  const samples = set.samples.map((sample) => ({ ...sample, label: labels[sample.label] ?? -1 }));
  return new ListDataset(classes, samples, set.notes);
}
