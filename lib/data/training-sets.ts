import { optionsOf, parseOptions, text } from "../schema.js";
import { join } from "node:path";
import { McLossError } from "../errors.js";
import { listFolders } from "./class-folders.js";
import type { DataSource } from "./data-version.js";
import { ListDataset } from "./dataset.js";
import { readDataset, type OpenDatasetOptions, openDatasetShape } from "./open-dataset.js";
import { countParts } from "./sets/counts.js";
import type { ListedSample, ReadDataset, Split } from "./sets/layout.js";
import { throwProblem } from "./sets/problems.js";
import type { ShardOptions } from "./shards/shard-options.js";
import { openSplit } from "./sets/splits.js";

export interface TrainingSets {
  images: ListDataset<ListedSample>;
  /** Where the images are from. */
  source: DataSource;
  heldOut?: ListDataset<ListedSample>;
  /** Where `heldOut` is from, if not from `source`. */
  heldOutSource?: DataSource;
  /** Whether `heldOut` may choose the best checkpoint: a test part may not. */
  chooses: boolean;
  /** For people: what was taken for what, and what was passed over. */
  notes: readonly string[];
}

interface UsualOptions extends Omit<OpenDatasetOptions, "split"> {
  dir: string;
}

/** Options of {@link openTrainingSets}. */
export interface TrainingSetOptions extends UsualOptions, Pick<ShardOptions, "reporter" | "signal"> {
  /** Held-out images of the same classes. Default: the set's own. */
  validation?: string;
}

/** Options of {@link openEvaluationSet}. */
export interface EvaluationSetOptions extends UsualOptions {
  /** Default: the test part, or else the val part, or all of a set without parts. */
  split?: Split;
}

const evaluationSetOptions = optionsOf<EvaluationSetOptions>({ ...openDatasetShape, dir: text });

/**
 * What to train on and what to hold out. Of a published set, as results are reported: all but the test part, and the
 * test part. Of a set of one's own: train and val, or train and test where there is no val. A test part is measured and
 * chooses nothing. `validation` is a data set of its own, of the same classes; it chooses.
 * @throws McLossError ERR_DATASET, for images of one class alone too
 */
export async function openTrainingSets(options: TrainingSetOptions): Promise<TrainingSets> {
  const read = await readDataset(options.dir, throwProblem, options);
  const sets = await divide(read, options);
  await requireClasses(read, sets.images);
  const { notes = [] } = read;
  return { ...sets, source: read, notes: [...notes, ...sets.notes, ...absentClasses(sets.images)] };
}

async function divide(
  read: ReadDataset,
  { validation, allowPartial = false, allowEmpty, reporter, signal }: TrainingSetOptions,
): Promise<Omit<TrainingSets, "source">> {
  const open = (split: Split) => openSplit(read, { split, allowPartial });
  const counts = countParts(read.samples);
  if (!counts.train && !counts.all && (counts.val || counts.test)) {
    const text = `${read.root} has nothing to train on: it has a validation or test part and no train part`;
    throw new McLossError("ERR_DATASET", text, { path: read.root });
  }
  if (validation !== undefined) {
    const { classes } = read;
    const opening = { classes, allowEmpty, allowPartial, reporter, signal };
    const heldOutSource = await readDataset(validation, throwProblem, opening);
    const parts = countParts(heldOutSource.samples);
    const split = parts.val ? "val" : parts.test ? "test" : "trainval";
    const heldOut = openSplit(heldOutSource, { split, allowPartial, classes });
    const also = counts.val
      ? [`the validation part of ${read.root} is trained on too, as another is given`]
      : [];
    const taken = split === "trainval" ? [] : [`held out is the ${split} part of ${validation}`];
    const { notes = [] } = heldOutSource;
    return {
      images: open("trainval"),
      heldOut,
      heldOutSource,
      chooses: true,
      notes: [...also, ...taken, ...notes],
    };
  }
  // What has been published without a test part is judged by its val part.
  if (counts.val && !(read.published && counts.test)) {
    const unused = counts.test
      ? [`the test part of ${read.root} is left alone: mcloss eval measures on it`]
      : [];
    return { images: open("train"), heldOut: open("val"), chooses: true, notes: unused };
  }
  if (!counts.test) return { images: open("trainval"), chooses: false, notes: [] };
  const note = `held out is the test part of ${read.root}, which is measured after each epoch`;
  return { images: open("trainval"), heldOut: open("test"), chooses: false, notes: [note] };
}

/** @throws McLossError ERR_DATASET where there is nothing to tell apart */
async function requireClasses({ kind, root }: ReadDataset, { classes, samples }: ListDataset): Promise<void> {
  const [first] = samples;
  if (!first || samples.some(({ label }) => label !== first.label)) return;
  const name = classes[first.label] ?? "";
  const inside = join(root, name);
  const deeper = kind === "folder" && (await listFolders(inside).catch(() => [])).length > 1;
  const text =
    `${root} has training images of one class alone, "${name}": a classifier tells two or more apart. ` +
    (deeper
      ? `Give ${inside} if its folders are the classes`
      : `Give the folder that has one folder of images for each class`);
  throw new McLossError("ERR_DATASET", text, { path: root });
}

function absentClasses({ classes, samples }: ListDataset): string[] {
  const seen = new Set(samples.map(({ label }) => label));
  const absent = classes.filter((_, label) => !seen.has(label));
  if (absent.length === 0) return [];
  const some = absent.slice(0, 3).join(", ") + (absent.length > 3 ? ", …" : "");
  return [`${absent.length} of ${classes.length} classes have no training image: ${some}`];
}

/**
 * What to measure a model on: the images in `dir` of one split. With the model's `info.classNames` as `classes` the labels
 * are the model's. Its `notes` say which split was taken of several.
 * @throws McLossError ERR_DATASET naming the file and line, or a class that the model does not know
 */
export async function openEvaluationSet(given: EvaluationSetOptions): Promise<ListDataset<ListedSample>> {
  const options = parseOptions(evaluationSetOptions, given);
  const read = await readDataset(options.dir, throwProblem, options);
  const { all, ...parts } = countParts(read.samples);
  const split = options.split ?? (parts.test ? "test" : parts.val ? "val" : "trainval");
  const { classes, samples, notes } = openSplit(read, { ...options, split });
  const taken = Object.keys(parts).length > 0 ? [`the images are those of ${split} in ${read.root}`] : [];
  return new ListDataset(classes, samples, [...notes, ...taken]);
}
