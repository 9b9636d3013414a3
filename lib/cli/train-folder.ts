import { describeLoss } from "../compare/describe-loss.js";
import type { LoadedWeights } from "../models/load-weights.js";
import { changeRecipe } from "../recipes/change.js";
import { DEFAULT_RECIPE } from "../recipes/default-recipe.js";
import { joinPatches, parseAssignment } from "../recipes/patch.js";
import { loadRecipe } from "../recipes/read.js";
import type { Recipe } from "../recipes/recipe.js";
import type { RecipeData, RecipeTraining, TrainRecipeOptions } from "../recipes/recipe-training.js";
import { prepareResume } from "../recipes/resume-recipe.js";
import { readStartedRun } from "../recipes/started-run.js";
import { prepareRecipe } from "../recipes/train-recipe.js";
import type { EpochEvent } from "../train/events.js";
import { describeHealth, reportHabit } from "./describe-channels.js";
import { tellBadImages } from "./bad-images.js";
import { printJsonLine } from "./format.js";
import { interruptSignal } from "./interrupt.js";
import { printLine } from "./progress.js";
import { patchOfFlags } from "./recipe-flags.js";
import { consoleReporter } from "./setup-reporter.js";
import { reportTraining } from "./report-training.js";
import { describeOutcome, readOutcome } from "./training-outcome.js";

type DeviceOption = Required<Pick<TrainRecipeOptions, "device">>;

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
  { out, json, ...data }: RecipeData & DeviceOption & { out: string; overwrite: boolean; json: boolean },
): Promise<void> {
  const signal = interruptSignal();
  using training = await prepareRecipe(recipe, { ...data, output: out, signal, reporter: consoleReporter() });
  await fitAndTell(training, out, json);
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
  { device, json, flags, assignments, ...data }: DeviceOption & ResumeChanges & { json: boolean },
): Promise<void> {
  const { about } = await readStartedRun(out);
  const assigned = joinPatches(assignments.map(parseAssignment));
  const change = joinPatches([patchOfFlags(about.recipe, flags), assigned]);
  using training = await prepareResume(out, {
    ...{ ...data, change, device },
    signal: interruptSignal(),
    reporter: consoleReporter(),
  });
  await fitAndTell(training, out, json);
}

/** Trains, or goes on with, one of several runs: shows how it goes, and prints no result. */
export async function trainRun(
  recipe: Recipe,
  { resume, ...options }: TrainRecipeOptions & { output: string; resume: boolean },
): Promise<void> {
  const { output, device, signal } = options;
  const going = { device, signal };
  using training = await (resume ? prepareResume(output, going) : prepareRecipe(recipe, options));
  await fit(training, false);
}

async function fit(training: RecipeTraining, json: boolean): Promise<EpochEvent | undefined> {
  const { images, model, notes, recipe, train, weights } = training;
  if (weights) reportWeights(weights);
  for (const note of notes) printLine(`note: ${note}`);
  const loss = describeLoss(recipe.loss);
  printLine(`${images.length} images of ${images.classes.length} classes · ${model.spec.name} · ${loss}`);
  const { last } = await reportTraining(training.fit(), { label: "training", epochs: recipe.epochs, json });
  tellBadImages(train);
  if (last?.channels) {
    printLine(describeHealth(last.channels));
    reportHabit(last.channels);
  }
  return last;
}

async function fitAndTell(training: RecipeTraining, out: string, json: boolean): Promise<void> {
  const started = performance.now();
  const last = await fit(training, json);
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

function reportWeights({ path, loaded, initialized, unused, key, prefix }: LoadedWeights): void {
  const place = key === undefined ? "" : `, at ${key}`;
  const wrapped = prefix === undefined ? "" : `, without the prefix ${prefix}`;
  printLine(`${loaded.length} tensors loaded from ${path}${place}${wrapped}`);
  for (const { name, shape, stored } of initialized) {
    const why = stored ? `the file's is [${stored.join(", ")}]` : "not in the file";
    printLine(`  initialised: ${name} [${shape.join(", ")}] (${why})`);
  }
  for (const name of unused) printLine(`  not used: ${name}`);
}
