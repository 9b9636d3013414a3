import { describeLoss } from "../compare/describe-loss.js";
import type { LoadedWeights } from "../models/load-weights.js";
import { changeRecipe } from "../recipes/change.js";
import { DEFAULT_RECIPE } from "../recipes/default-recipe.js";
import { joinPatches, parseAssignment } from "../recipes/patch.js";
import { loadRecipe } from "../recipes/read.js";
import type { Recipe } from "../recipes/recipe.js";
import type { RecipeData, RecipeTraining, TrainRecipeOptions } from "../recipes/recipe-training.js";
import { prepareContinue } from "../recipes/continue-recipe.js";
import { prepareResume } from "../recipes/resume-recipe.js";
import { prepareRecipe } from "../recipes/train-recipe.js";
import type { EpochEvent } from "../train/events.js";
import { track, type Tracker } from "../trackers/track.js";
import { describeHealth, reportHabit } from "./describe-channels.js";
import { tellBadImages } from "./bad-images.js";
import { printJsonLine } from "./format.js";
import { printLine } from "./progress.js";
import { patchOfFlags } from "./recipe-flags.js";
import { consoleReporter } from "./setup-reporter.js";
import { reportTraining } from "./report-training.js";
import { openTensorBoard } from "./training-trackers.js";
import { describeOutcome, readOutcome } from "./training-outcome.js";

type PlaceOptions = Required<Pick<TrainRecipeOptions, "device">> &
  Pick<TrainRecipeOptions, "group" | "signal">;
/** How it is told. */
interface TellOptions {
  json: boolean;
  /** Where TensorBoard's event files go; true: into the run's folder. Default: nowhere. */
  tensorboard?: string | true;
}
type NewRunOptions = RecipeData & PlaceOptions & TellOptions & { out: string; overwrite: boolean };

/** The recipe that the command line asks for: `--recipe`, the options that stand for keys of it, then `--set`. */
export async function chooseRecipe(
  nameOrFile: string = DEFAULT_RECIPE.name,
  flags: Readonly<Record<string, unknown>>,
  assignments: readonly string[],
): Promise<Recipe> {
  const recipe = await loadRecipe(nameOrFile);
  const assigned = joinPatches(assignments.map(parseAssignment));
  return changeRecipe(changeRecipe(recipe, patchOfFlags(recipe, flags)), assigned);
}

/** `mcloss train`: images to a checkpoint in the run's folder `out`. */
export async function trainFolder(
  recipe: Recipe,
  { out, json, tensorboard, ...options }: NewRunOptions,
): Promise<void> {
  using training = await prepareRecipe(recipe, { ...options, output: out, reporter: consoleReporter() });
  await fitAndTell(training, out, { json, tensorboard });
}

/** `mcloss train --continue`. */
export async function continueFolder(
  recipe: Recipe,
  { out, json, tensorboard, ...options }: NewRunOptions,
): Promise<void> {
  using training = await prepareContinue(recipe, { ...options, output: out, reporter: consoleReporter() });
  await fitAndTell(training, out, { json, tensorboard });
}

/** What is other in a run that goes on than when it was started. */
interface ResumeChanges {
  /** Where the images are. */
  dir?: string;
  validation?: string;
  flags: Readonly<Record<string, unknown>>;
  assignments: readonly string[];
}

/** `mcloss train --resume`. */
export async function resumeFolder(
  out: string,
  { json, tensorboard, flags, assignments, ...options }: PlaceOptions & ResumeChanges & TellOptions,
): Promise<void> {
  const assigned = joinPatches(assignments.map(parseAssignment));
  const change = (recipe: Recipe) => joinPatches([patchOfFlags(recipe, flags), assigned]);
  using training = await prepareResume(out, { ...options, change, reporter: consoleReporter() });
  await fitAndTell(training, out, { json, tensorboard });
}

/**
 * Trains, or goes on with, one of several runs: shows how it goes, and prints no result.
 * @param options.until the epoch after which it is stopped. Default: its last
 */
export async function trainRun(
  recipe: Recipe,
  { resume, until, ...options }: TrainRecipeOptions & { output: string; resume: boolean; until?: number },
): Promise<void> {
  const { output, device, signal } = options;
  const going = { device, signal };
  using training = await (resume ? prepareResume(output, going) : prepareRecipe(recipe, options));
  await fit(training, { json: false, until });
}

async function fit(
  training: RecipeTraining,
  { json, trackers = [], until }: { json: boolean; trackers?: readonly Tracker[]; until?: number },
): Promise<EpochEvent | undefined> {
  const { images, model, notes, recipe, train, weights } = training;
  if (weights) reportWeights(weights);
  for (const note of notes) printLine(`note: ${note}`);
  const loss = describeLoss(recipe.loss);
  printLine(`${images.length} images of ${images.classes.length} classes · ${model.spec.name} · ${loss}`);
  const run = training.fit();
  const stop: Tracker = (event) => {
    if (event.type === "epoch" && event.epoch === until) run.stop();
  };
  const { last } = await reportTraining(track(run, [...trackers, stop]), {
    label: "training",
    epochs: recipe.epochs,
    json,
  });
  tellBadImages(train);
  if (last?.channels) {
    printLine(describeHealth(last.channels));
    reportHabit(last.channels);
  }
  return last;
}

async function fitAndTell(
  training: RecipeTraining,
  out: string,
  { json, tensorboard }: TellOptions,
): Promise<void> {
  if (!training.isFirst) {
    await training.fit();
    return;
  }
  const started = performance.now();
  await using board = tensorboard === undefined ? null : await openTensorBoard(training, out, tensorboard);
  const last = await fit(training, { json, trackers: board ? [board] : [] });
  const seconds = (performance.now() - started) / 1000;
  const outcome = await readOutcome(out, seconds);
  if (!json) {
    process.stdout.write(`${describeOutcome(outcome)}\n`);
    return;
  }
  const { notes, train, weights } = training;
  const { skipped: bad, repaired } = train;
  printJsonLine({
    ...last,
    type: "result",
    ...outcome,
    bad,
    repaired,
    notes,
    weights,
  });
}

function reportWeights(weights: LoadedWeights): void {
  const { path, loaded, initialized, interpolated = [], unused, key, prefix } = weights;
  const place = key === undefined ? "" : `, at ${key}`;
  const wrapped = prefix === undefined ? "" : `, without the prefix ${prefix}`;
  printLine(`${loaded.length} tensors loaded from ${path}${place}${wrapped}`);
  for (const { name, shape, stored } of interpolated) {
    printLine(`  interpolated: ${name} [${shape.join(", ")}] (the file's is [${stored.join(", ")}])`);
  }
  for (const { name, shape, stored } of initialized) {
    const why = stored ? `the file's is [${stored.join(", ")}]` : "not in the file";
    printLine(`  initialised: ${name} [${shape.join(", ")}] (${why})`);
  }
  for (const name of unused) printLine(`  not used: ${name}`);
}
