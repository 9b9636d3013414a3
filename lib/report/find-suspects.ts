import { existsSync } from "node:fs";
import { checkPlace } from "../check-argument.js";
import { foldFolder } from "../compare/cross-validate.js";
import { doubtLabels, type LabelDoubts } from "../compare/confident-learning.js";
import { formatCsv } from "../csv.js";
import { findOrigin, hashList } from "../data/data-version.js";
import { takeFold } from "../data/folds.js";
import type { ListedSample } from "../data/sets/layout.js";
import { openTrainingSets, type TrainingSets } from "../data/training-sets.js";
import { McLossError } from "../errors.js";
import { givenLimits } from "../image/limits.js";
import { replaceWith } from "../io/replace-file.js";
import { className } from "../models/class-name.js";
import type { AbortOptions } from "../native/abortable.js";
import { classProbabilities, type ClassProbabilities } from "../predict/class-probabilities.js";
import { readStartedRun } from "../recipes/started-run.js";
import { loadModel } from "../run/load-model.js";
import { runFiles } from "../run/run-files.js";
import type { RunImages } from "../run/run-images.js";
import { abortShape, callback, count, flag, optionsOf, parseOptions, text } from "../schema.js";
import { isOverfit } from "./overfit.js";
import { renderSuspects } from "./suspects-page.js";

/** An image whose label is doubted. */
export interface Suspect {
  path: string;
  /** The class that it has, and the likeliest other one. */
  label: string;
  suggested: string;
  /** What the model says of the two. */
  labelProbability: number;
  suggestedProbability: number;
  /**
   * The logarithm of how many times likelier the suggested class is than the label, each beside how sure the model mostly is of
   * it: above 0 the other class is likelier.
   */
  doubt: number;
  /** Whether the model is as sure of another class as it mostly is of that class's own images. */
  suspect: boolean;
}

/** What {@link findSuspects} found. */
export interface Suspects {
  /** All images that were judged, the most doubtful first. */
  images: Suspect[];
  /** How many are suspect. */
  suspects: number;
  /** The share of labels that are estimated to be wrong, 0 to 1. */
  noise: number;
  /** For people. */
  notes: string[];
  /** The files that were written. */
  page?: string;
  csv?: string;
}

/** Options of {@link findSuspects}. */
export interface FindSuspectsOptions extends AbortOptions {
  /** Where the images are now. Default: where they were. */
  dir?: string;
  /** A page with the most doubtful images, as .html. Default: none. */
  page?: string;
  /** All images by doubt, as .csv. Default: none. */
  csv?: string;
  /** Images on the page. Default 200. */
  shown?: number;
  /** Whether TorchScript in the checkpoints, which is code, may run; see {@link loadModel}. Default false. */
  trustCode?: boolean | undefined;
  /** Called as images are judged. */
  onProgress?: (step: string, done: number, total: number) => void;
}

const schema = optionsOf<FindSuspectsOptions>({
  ...abortShape,
  dir: text.optional(),
  page: text.optional(),
  csv: text.optional(),
  shown: count.optional(),
  trustCode: flag.optional(),
  onProgress: callback.optional(),
});

type Judged = ClassProbabilities<ListedSample>;

/**
 * The images whose label is doubted most, by models that were trained without them: those of a cross-validation, or of one run
 * the images that it held out. Confident learning over the classes' probabilities (Northcutt, Jiang & Chuang 2021).
 * @param run the folder of a cross-validation, or of a run
 * @throws McLossError ERR_IO, ERR_CHECKPOINT, ERR_DATASET where nothing was held out or the images are others by now
 */
export async function findSuspects(run: string, given: FindSuspectsOptions = {}): Promise<Suspects> {
  checkPlace("run", run);
  const options = parseOptions(schema, given);
  const folds = foldsIn(run);
  const folders = folds.length > 0 ? folds : [run];
  const parts: Awaited<ReturnType<typeof judgeHeldOut>>[] = [];
  for (const folder of folders) parts.push(await judgeHeldOut(folder, options));
  const judged = parts.flatMap((part) => part.judged);
  const notes = parts.flatMap((part) => part.notes);
  const { classes = [] } = parts[0] ?? {};
  if (folds.length === 0) {
    notes.push(`these are the images that ${run} held out; after mcloss crossval all are judged`);
  }
  const overfit = await Promise.all(folders.map(isOverfit));
  if (overfit.includes(true)) notes.push(OVERFIT);
  const found = doubtLabels(
    judged.map(({ sample: { label }, probabilities }) => ({ label, probabilities })),
    classes.length,
  );
  const result = { ...describeDoubts(found, judged, classes), notes: [...new Set(notes)] };
  const { page, csv, shown = SHOWN } = options;
  if (csv !== undefined) await replaceWith(csv, toCsv(result.images));
  const samples = new Map(judged.map(({ sample }) => [sample.path, sample]));
  if (page !== undefined) await replaceWith(page, await renderSuspects(result, samples, shown));
  return { ...result, page, csv };
}

const SHOWN = 200;
const OVERFIT =
  "the held-out loss rose before the last epoch: what has learned wrong labels by heart doubts them less. Train with --monitor loss, " +
  "which keeps the epoch of the lowest, or for fewer epochs";

function foldsIn(run: string): string[] {
  const folders: string[] = [];
  for (let number = 1; existsSync(runFiles(foldFolder(run, number)).info); number += 1) {
    folders.push(foldFolder(run, number));
  }
  return folders;
}

async function judgeHeldOut(
  folder: string,
  { dir, trustCode, signal, onProgress }: FindSuspectsOptions,
): Promise<{ judged: Judged[]; classes: readonly string[]; notes: string[] }> {
  const { about } = await readStartedRun(folder);
  const { recipe, data } = about;
  const { fold, validation, ...place } = data;
  const where = { ...recipe.dataset, ...place, dir: dir ?? data.dir };
  const sets = await openTrainingSets({ ...where, validation: fold ? undefined : validation });
  const divided = fold ? takeFold(sets, fold) : sets;
  const { heldOut, images } = divided;
  if (!heldOut) {
    const problem = `${folder} held out no images, and of what it was trained on it doubts nothing`;
    throw new McLossError("ERR_DATASET", `${problem}: run mcloss crossval, and give its folder`, {
      path: folder,
    });
  }
  await requireSame(where.dir, divided, about.images);
  using model = await loadModel(folder, { trustCode });
  const judged = await classProbabilities(model, heldOut, {
    limits: givenLimits(recipe),
    signal,
    onBatch: (done, total) => onProgress?.(`judging what ${folder} held out`, done, total),
  });
  const lost = heldOut.length - judged.length;
  return { judged, classes: images.classes, notes: lost > 0 ? [`${lost} images could not be read`] : [] };
}

/** Others would be divided otherwise, so that some would be judged by what was trained on them. */
async function requireSame(dir: string, sets: TrainingSets, began: RunImages): Promise<void> {
  const { folder } = await findOrigin(sets.source);
  if (hashList(folder, sets.images) === began.train.sha256) return;
  const text = `${dir} has other images, or other labels, than the run began with: run mcloss crossval anew`;
  throw new McLossError("ERR_DATASET", text, { path: dir });
}

function describeDoubts(
  { doubts, noise }: LabelDoubts,
  judged: readonly Judged[],
  classes: readonly string[],
): Pick<Suspects, "images" | "suspects" | "noise"> {
  const images = doubts.flatMap(({ index, suggested, doubt, suspect }): Suspect[] => {
    const one = judged[index];
    if (!one) return [];
    const { sample, probabilities } = one;
    return [
      {
        path: sample.path,
        label: className(classes, sample.label),
        suggested: className(classes, suggested),
        labelProbability: probabilities[sample.label] ?? NaN,
        suggestedProbability: probabilities[suggested] ?? NaN,
        doubt,
        suspect,
      },
    ];
  });
  return { images, suspects: images.filter(({ suspect }) => suspect).length, noise };
}

function toCsv(images: readonly Suspect[]): string {
  const head = [
    "path",
    "label",
    "suggested",
    "suspect",
    "doubt",
    "label_probability",
    "suggested_probability",
  ];
  return formatCsv([
    head,
    ...images.map((image) => [
      image.path,
      image.label,
      image.suggested,
      image.suspect,
      rounded(image.doubt),
      rounded(image.labelProbability),
      rounded(image.suggestedProbability),
    ]),
  ]);
}

function rounded(value: number): number {
  return Number(value.toFixed(4));
}
