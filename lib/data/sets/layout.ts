import type { Sample } from "../dataset.js";
import type { Report } from "./problems.js";

export const DATASET_KINDS = [
  "cub200",
  "nabirds",
  "stanford-cars",
  "fgvc-aircraft",
  "flowers102",
  "oxford-pet",
  "stanford-dogs",
  "food101",
  "inaturalist",
  "folder",
  "manifest",
  "webdataset",
  "parquet",
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
  /** For people: what is not as one may think. */
  notes?: readonly string[];
  /** Files that are no images, or in formats that are not read, by what their names end in. */
  passedOver?: Readonly<Record<string, number>>;
  /** Published parts whose labels are not there, and which file has them. */
  absent?: Partial<Record<SplitPart, string>>;
  /** Whether reading the images as they lie is much cheaper than in another order. Default false. */
  inOrder?: boolean;
  /** The counts of the version that was found, where a set has several. */
  published?: PublishedCounts;
}

/** A set's annotations, and what it is. */
export interface ReadDataset extends Listing {
  kind: DatasetKind;
  title: string;
  root: string;
}

/** Counts that the publishers give. */
export interface PublishedCounts {
  classes: number;
  /** Parts that are absent are not compared. */
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
  /** Files that another layout has beside these markers. */
  foreign?: readonly string[];
  /** Files that no other folder has: all those of one of the lists are there, even where the set is not whole. */
  signs: readonly (readonly string[])[];
  /** Absent where the listing tells which version it is of. */
  published?(options: Options): PublishedCounts;
  list(root: string, report: Report, options: Options & ListOptions): Promise<Listing>;
}

/** What the lists of a published set are read with. */
export interface ListOptions {
  /** Takes lists that do not fit one another, and leaves out images that are not there. Default false. */
  allowPartial?: boolean | undefined;
  /** Lists images that are not there even so. Default false. */
  keepMissing?: boolean | undefined;
}

/** What every published data set is opened with. */
export interface OpenOptions {
  /** Default "trainval": all that is not the test part. */
  split?: Split;
  /** Opens a set whose counts are not the published ones. Default false: ERR_DATASET says how they differ. */
  allowPartial?: boolean;
}
