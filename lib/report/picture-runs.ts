import { stat } from "node:fs/promises";
import { basename, extname } from "node:path";
import { throwIfAborted } from "../abort.js";
import { encodedImageOf, type Sample } from "../data/dataset.js";
import { isRecord } from "../plain-data.js";
import type { RecordedRun } from "../run/read-run.js";
import { recordedRecipe } from "../run/recorded-recipe.js";
import type { RunInfo } from "../run/run-info.js";
import { findShards } from "../data/shards/find-shards.js";
import { MANIFEST_EXTENSIONS } from "../data/sets/manifest.js";
import { openEvaluationSet, type EvaluationSetOptions } from "../data/training-sets.js";
import { chooseLimits, TRAINING_LIMITS, type ImageLimitOptions, type ImageLimits } from "../image/limits.js";
import { loadSharp } from "../image/sharp.js";
import { invalidArgument } from "../errors.js";
import { loadModel } from "../run/load-model.js";
import { className } from "../models/class-name.js";
import type { Model } from "../models/model.js";
import type { AbortOptions } from "../native/abortable.js";
import { renderImageSheet } from "../visualize/image-sheet.js";
import { findConfusions, type Confusions } from "./find-confusions.js";
import { dataUrl } from "./html.js";

/** A picture that is in the page itself. */
export interface Picture {
  /** A data: URL. */
  source: string;
  caption: string;
}

/** What pictures show of a run's best checkpoint. */
export interface RunPictures {
  run: string;
  /** Names by class number. */
  classNames: readonly string[];
  /** Absent where the images have no classes. */
  confusion?: ConfusionPictures;
  /** What the channels look at. */
  sheets: Picture[];
  /** Whether the network has channels of its own for each class. */
  hasChannels: boolean;
}

/** The most confused classes, with examples. */
export interface ConfusionPictures {
  /** Where the images are from. */
  data: string;
  images: number;
  accuracy: number;
  skipped: number;
  /** [true class][predicted class], in images. */
  matrix: readonly (readonly number[])[];
  pairs: {
    classes: readonly [number, number];
    counts: readonly [number, number];
    pictures: ExamplePicture[];
  }[];
}

export interface ExamplePicture extends Picture {
  kind: "recognised" | "mistaken";
}

/** Options of {@link picturesOf}. */
export interface PicturesOptions extends AbortOptions {
  images: readonly string[];
  trustCode?: boolean | undefined;
  onProgress?: (step: string, done: number, total: number) => void;
}

const PAIRS = 5;
const MISTAKES_PER_PAIR = 4;
const MOST_SHEETS = 4;
const THUMBNAIL_PIXELS = 176;
const SHEET_QUALITY = 82;

/**
 * Looks at a run's best checkpoint with a data set, or with single images.
 * @throws McLossError ERR_ARGUMENT, ERR_DATASET, ERR_IMAGE or ERR_CHECKPOINT naming what is wrong
 */
export async function picturesOf(
  { folder, name, info }: Pick<RecordedRun, "folder" | "name" | "info">,
  options: PicturesOptions,
): Promise<RunPictures> {
  const model = await loadModel(folder, { trustCode: options.trustCode });
  const classNames = Array.from({ length: model.spec.classes }, (_, index) =>
    className(model.info.classNames, index),
  );
  const found = await dataSetIn(options.images);
  const { limits } = recordedRecipe(info.about);
  const shared = { run: name, classNames, hasChannels: model.groups !== undefined };
  if (found === undefined)
    return { ...shared, sheets: await drawSheets(model, options.images.map(captioned), limits, options) };
  const images = await openEvaluationSet({ dir: found, classes: classNames, ...openingOf(info) });
  const { onProgress } = options;
  const confusions = await findConfusions(model, images, {
    pairs: PAIRS,
    mistakesPerPair: MISTAKES_PER_PAIR,
    limits,
    onBatch: (done, total) => onProgress?.(`evaluating ${name}`, done, total),
    signal: options.signal,
  });
  return {
    ...shared,
    confusion: await pictureConfusions(found, confusions, classNames, limits),
    sheets: await drawSheets(model, tellingFiles(confusions, classNames), limits, options),
  };
}

/** How the run opened its own data set, which this one is most often a part of. */
function openingOf({ about }: RunInfo): Pick<EvaluationSetOptions, "level" | "allowPartial"> {
  const { allowPartial } = isRecord(about["data"]) ? about["data"] : {};
  return { level: recordedRecipe(about).level, allowPartial: allowPartial === true };
}

/** The data set's folder, manifest or shards; undefined where all are image files. */
async function dataSetIn(paths: readonly string[]): Promise<string | undefined> {
  const [first = "", ...others] = paths;
  if (others.length === 0 && (await findShards(first))) return first;
  const kinds = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
  const missing = kinds.indexOf(undefined);
  if (missing >= 0) throw invalidArgument("images", `has ${paths[missing] ?? ""}, which cannot be read`);
  const isDataSet = (path: string, place: number) =>
    kinds[place]?.isDirectory() === true || MANIFEST_EXTENSIONS.includes(extname(path).toLowerCase());
  if (!paths.some(isDataSet)) return undefined;
  if (paths.length === 1) return paths[0];
  throw invalidArgument("images", "must be one folder, manifest or set of shards, or image files");
}

async function pictureConfusions(
  data: string,
  { evaluation, pairs, recognised }: Confusions,
  names: readonly string[],
  given: ImageLimitOptions,
): Promise<ConfusionPictures> {
  const limits = chooseLimits(given, TRAINING_LIMITS);
  const { images, accuracy, skipped, confusion } = evaluation;
  const pictured = pairs.map(async ({ classes, counts, mistakes }) => {
    const right = classes.map((label) => recognised.get(label)).filter((sample) => sample !== undefined);
    const pictures = [
      ...right.map(async (sample): Promise<ExamplePicture> => {
        const caption = className(names, sample.label);
        return { kind: "recognised", source: await thumbnail(sample, limits), caption };
      }),
      ...mistakes.map(async ({ sample, predicted }): Promise<ExamplePicture> => {
        const caption = `${className(names, sample.label)}, taken for ${className(names, predicted)}`;
        return { kind: "mistaken", source: await thumbnail(sample, limits), caption };
      }),
    ];
    return { classes, counts, pictures: await Promise.all(pictures) };
  });
  return { data, images, accuracy, skipped, matrix: confusion, pairs: await Promise.all(pictured) };
}

async function thumbnail(sample: Sample, limits: ImageLimits): Promise<string> {
  return dataUrl("jpeg", await encodedImageOf(sample, limits).thumbnail(THUMBNAIL_PIXELS));
}

/** An image's file and what it is called. */
interface CaptionedFile {
  path: string;
  caption: string;
}

function captioned(path: string): CaptionedFile {
  return { path, caption: basename(path) };
}

/** Images whose channels are worth a look: mistakes between the most confused classes, then what was recognised. */
function tellingFiles({ pairs, recognised }: Confusions, names: readonly string[]): CaptionedFile[] {
  const mistaken = pairs.flatMap(({ mistakes }) => mistakes.slice(0, 1)).map(({ sample }) => sample);
  const right = [...recognised.values()];
  const samples = [...mistaken.slice(0, MOST_SHEETS / 2), ...right].slice(0, MOST_SHEETS);
  return samples.flatMap(({ path, source = path, label }) => {
    // A sheet is drawn of a file.
    if (typeof source !== "string") return [];
    return { path: source, caption: `${className(names, label)}: ${basename(path)}` };
  });
}

async function drawSheets(
  model: Model,
  files: readonly CaptionedFile[],
  limits: ImageLimitOptions,
  { signal, onProgress }: PicturesOptions,
): Promise<Picture[]> {
  if (!model.groups) return [];
  const sharp = await loadSharp();
  const sheets: Picture[] = [];
  for (const [index, { path, caption }] of files.entries()) {
    throwIfAborted(signal, "the report");
    const sheet = await sharp(await renderImageSheet(model, path, limits))
      .webp({ quality: SHEET_QUALITY })
      .toBuffer();
    sheets.push({ source: dataUrl("webp", sheet), caption });
    onProgress?.("drawing channels", index + 1, files.length);
  }
  return sheets;
}
