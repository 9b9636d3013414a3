import type { DataSource } from "./data-version.js";
import type { ListDataset } from "./dataset.js";
import { readDataset, type OpenDatasetOptions } from "./open-dataset.js";
import { countParts } from "./sets/counts.js";
import type { ListedSample, Split } from "./sets/layout.js";
import { throwProblem } from "./sets/problems.js";
import { openSplit } from "./sets/splits.js";

export interface TrainingSets {
  images: ListDataset<ListedSample>;
  /** Where the images are from. */
  source: DataSource;
  heldOut?: ListDataset<ListedSample>;
  /** Where `heldOut` is from, if not from `source`. */
  heldOutSource?: DataSource;
}

interface UsualOptions extends Omit<OpenDatasetOptions, "split"> {
  dir: string;
}

/** Options of {@link openEvaluationSet}. */
export interface EvaluationSetOptions extends UsualOptions {
  /** Default: the test part, or else the val part, or all of a set without parts. */
  split?: Split;
}

/**
 * What to train on and what to hold out. Of a published set, as results are reported: all but the test part, and the
 * test part. Of a set of one's own: train and val, or train and test where there is no val. `validation` is a data set
 * of its own, of the same classes.
 */
export async function openTrainingSets(
  options: UsualOptions & { validation?: string },
): Promise<TrainingSets> {
  const { dir, validation, allowPartial = false } = options;
  const read = await readDataset(dir, throwProblem, options);
  const open = (split: Split) => openSplit(read, { split, allowPartial });
  if (validation !== undefined) {
    const { classes } = read;
    const heldOutSource = await readDataset(validation, throwProblem, { classes });
    const heldOut = openSplit(heldOutSource, { allowPartial, classes });
    return { images: open("trainval"), source: read, heldOut, heldOutSource };
  }
  const counts = countParts(read.samples);
  if (counts.val && !read.published) return { images: open("train"), source: read, heldOut: open("val") };
  return { images: open("trainval"), source: read, ...(counts.test ? { heldOut: open("test") } : {}) };
}

/**
 * What to measure a model on: the images in `dir` of one split. With the model's `info.classNames` as `classes` the labels
 * are the model's.
 * @throws McLossError ERR_DATASET naming the file and line, or a class that the model does not know
 */
export async function openEvaluationSet(options: EvaluationSetOptions): Promise<ListDataset<ListedSample>> {
  const read = await readDataset(options.dir, throwProblem, options);
  const counts = countParts(read.samples);
  const split = options.split ?? (counts.test ? "test" : counts.val ? "val" : "trainval");
  return openSplit(read, { ...options, split });
}
