import type { Sample } from "../dataset.js";
import type { Report } from "./problems.js";

export const DATASET_KINDS = [
  "cub200",
  "stanford-cars",
  "fgvc-aircraft",
  "flowers102",
  "folder",
  "manifest",
] as const;

/** The data sets that are known by their layout. */
export type DatasetKind = (typeof DATASET_KINDS)[number];

/** A part that images are assigned to. */
export type SplitPart = "train" | "val" | "test";

/** What to open: one part, or "trainval", all that is not the test part. */
export type Split = SplitPart | "trainval";

export interface ListedSample extends Sample {
  /** Absent where the set is not divided. */
  split?: SplitPart;
}

/** What a set's annotations say. */
export interface Listing {
  classes: readonly string[];
  samples: readonly ListedSample[];
}

/** A set's annotations, and what it is. */
export interface ReadDataset extends Listing {
  kind: DatasetKind;
  title: string;
  root: string;
  published?: PublishedCounts;
}

/** Counts that the publishers give. */
export interface PublishedCounts {
  classes: number;
  parts: Partial<Record<SplitPart, number>>;
}

/** How a published set lies on disk. */
export interface Layout<Options = object> {
  kind: DatasetKind;
  title: string;
  /** The folder's name in the published archive, or in torchvision where the archive has none. */
  folder: string;
  /** Files that tell the layout from others: all those of one of the lists are there. */
  markers: readonly (readonly string[])[];
  published(options: Options): PublishedCounts;
  list(root: string, report: Report, options: Options): Promise<Listing>;
}

/** What every published data set is opened with. */
export interface OpenOptions {
  /** Default "trainval": all that is not the test part. */
  split?: Split;
  /** Opens a set whose counts are not the published ones. Default false: ERR_DATASET says how they differ. */
  allowPartial?: boolean;
}
