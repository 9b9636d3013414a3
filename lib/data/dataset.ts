import { checkIterable, checkRecord } from "../check-argument.js";
import { invalidArgument, McLossError } from "../errors.js";
import { EncodedImage, type ImageSource } from "../image/encoded-image.js";
import type { ImageHeader } from "../image/inspect-image.js";
import type { ImageLimits } from "../image/limits.js";
import type { Trim } from "../image/plan.js";
import { shown } from "../shown.js";

/** A rectangle in pixels of the image as it is stored; x and y count from its top left corner, from 0. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** One image and what is on it. */
export interface Sample {
  /** The image's file. Where `source` is given, only its name in messages. */
  path: string;
  /** 0 to K − 1. */
  label: number;
  /** Where the image comes from, if not from `path`: another path, its bytes, or a function that fetches them. */
  source?: ImageSource;
  /** Where the object is. */
  box?: Box;
  /** Pixels that are cut off before anything else is done with the image. */
  trim?: { bottom?: number };
  /** Where the set lies in several files: which one it is in. */
  shard?: ShardPlace;
}

/** Where a sample of a set in several files is. */
export interface ShardPlace {
  /** Of the file, from 0 in the order of the samples. */
  number: number;
  /** What is other when the image has other bytes. */
  content: string;
}

/**
 * A sample's image, which errors call by the sample's path.
 * @param limits default: those of training
 * @param header what an earlier look at it told
 */
export function encodedImageOf(
  { path, source = path }: Sample,
  limits?: ImageLimits,
  header?: ImageHeader,
): EncodedImage {
  return new EncodedImage(source, { limits, name: path, header });
}

/** What is cut off a sample's image. */
export function trimOf({ trim }: Sample): Trim {
  return { bottom: trim?.bottom ?? 0 };
}

/** Images with labels, by number. Any object of this shape can be loaded from: see also `datasetFrom`. */
export interface Dataset<T extends Sample = Sample> {
  readonly length: number;
  /** The classes' names; a label is an index into them. */
  readonly classes: readonly string[];
  /** The image of that number, from 0. */
  sample(index: number): T;
}

/** How many samples each class has, by its label. */
export function countClasses(dataset: Dataset): number[] {
  const counts = new Array<number>(dataset.classes.length).fill(0);
  for (let index = 0; index < dataset.length; index += 1) {
    const { label } = dataset.sample(index);
    counts[label] = (counts[label] ?? 0) + 1;
  }
  return counts;
}

/** A data set whose samples are in a list. */
export class ListDataset<T extends Sample = Sample> implements Dataset<T> {
  constructor(
    readonly classes: readonly string[],
    readonly samples: readonly T[],
    /** For people: what is not as one may think, such as files that were passed over. */
    readonly notes: readonly string[] = [],
  ) {}

  /** How many images. */
  get length(): number {
    return this.samples.length;
  }

  /** The image of that number, from 0. @throws McLossError ERR_ARGUMENT where there is none */
  sample(index: number): T {
    const sample = typeof index === "number" ? this.samples[index] : undefined;
    if (sample) return sample;
    throw invalidArgument("index", `must be from 0 to ${this.length - 1}, got ${shown(index)}`);
  }
}

/**
 * A data set of your own: samples from a database, an object store or anything else that can be iterated, once. The
 * samples are kept, so let `source` be a function where the images are large: it is called when the image is needed.
 * @throws McLossError ERR_DATASET for a sample without a path or with a label that is no class, and where none come
 */
export async function datasetFrom<T extends Sample>(
  samples: Iterable<T> | AsyncIterable<T>,
  options: { classes: readonly string[] },
): Promise<ListDataset<T>> {
  checkRecord("options", options, "{ classes }");
  if (!isListOf("string", options.classes)) throw invalidArgument("classes", "must be a list of names");
  checkIterable("samples", samples, "samples");
  const classes = [...options.classes];
  const kept: T[] = [];
  for await (const sample of samples) {
    checkSample(sample, kept.length, classes.length);
    kept.push(sample);
  }
  if (kept.length > 0) return new ListDataset(classes, kept);
  throw new McLossError("ERR_DATASET", "samples is empty: give at least one image", { argument: "samples" });
}

function isListOf(type: string, value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === type);
}

function checkSample(sample: Sample, index: number, classes: number): void {
  checkRecord(`samples[${index}]`, sample, "{ path, label }");
  const { path, label } = sample;
  if (typeof path !== "string" || path === "") {
    throw new McLossError("ERR_DATASET", `sample ${index} has no path: give it a file or a name`, {
      argument: "samples",
    });
  }
  if (Number.isInteger(label) && label >= 0 && label < classes) return;
  const text = `sample ${index} (${path}) has the label ${label}, but there are ${classes} classes`;
  throw new McLossError("ERR_DATASET", text, { path });
}
