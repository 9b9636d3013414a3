import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import { z } from "zod";
import { checkPlace } from "../check-argument.js";
import { absolutePlace, mayBeThere } from "../data/shards/places.js";
import { McLossError } from "../errors.js";
import { fromFirst } from "../distributed/exchange.js";
import { isWeightsName } from "../models/official-weights.js";
import { runFiles } from "../run/run-files.js";
import { abortShape, callback, optionsOf, parseOptions } from "../schema.js";
import { changeRecipe } from "./change.js";
import type { Patch } from "./patch.js";
import type { Recipe } from "./recipe.js";
import {
  prepareTraining,
  type RecipeData,
  type RecipeTraining,
  type TrainRecipeOptions,
} from "./recipe-training.js";
import { requireResumable } from "./settings.js";
import { readStartedRun } from "./started-run.js";
import { trainRecipeShape } from "./train-recipe.js";

/** Options of {@link prepareResume}. */
export interface PrepareResumeOptions extends Pick<
  TrainRecipeOptions,
  "signal" | "device" | "reporter" | "group"
> {
  /** Where the images are now. Default: where they were or, where that is gone, where they are from the run's folder. */
  dir?: string;
  /** Where the held-out images are now, in a run that was given them. */
  validation?: string;
  /**
   * Other values of the recipe's keys, as of {@link changeRecipe}, or what makes them from the recipe; of
   * {@link RESUMABLE_KEYS} alone.
   */
  change?: Patch | ((recipe: Recipe) => Patch);
}

const resumeSchema = optionsOf<PrepareResumeOptions>({
  ...abortShape,
  device: trainRecipeShape.device,
  reporter: trainRecipeShape.reporter,
  dir: trainRecipeShape.dir.optional(),
  validation: trainRecipeShape.validation,
  group: trainRecipeShape.group,
  change: z.union([z.record(z.string(), z.unknown()).readonly(), callback]).optional(),
});

/**
 * As {@link prepareRecipe}, for the run in `output`, with the recipe and the data that it was started with: it goes on
 * exactly where it was. A run that ended before its first checkpoint begins anew.
 * @throws McLossError ERR_IO when there is no run of a recipe in `output`; ERR_DATASET when its images are others by now, or
 * not where they were; ERR_ARGUMENT naming a key that may not change
 */
export async function prepareResume(
  output: string,
  given: PrepareResumeOptions = {},
): Promise<RecipeTraining> {
  checkPlace("output", output);
  const { dir, validation, change, ...options } = parseOptions(resumeSchema, given);
  const { group } = options;
  const { folder, about } = await (group
    ? fromFirst(group, () => readStartedRun(output))
    : readStartedRun(output));
  const patch = typeof change === "function" ? change(about.recipe) : change;
  const changed = patch ? changeRecipe(about.recipe, patch) : about.recipe;
  requireResumable(output, about.recipe, changed);
  const find = (place: string) => findMoved(place, folder, output);
  const { validation: before } = about.data;
  const data: RecipeData = {
    ...about.data,
    dir: dir === undefined ? await find(about.data.dir) : absolutePlace(dir),
    validation: validation === undefined ? before && (await find(before)) : absolutePlace(validation),
  };
  const began = existsSync(runFiles(output).last);
  const { weights } = changed;
  const recipe =
    weights === undefined || began || isWeightsName(weights)
      ? changed
      : { ...changed, weights: await find(weights) };
  return prepareTraining(recipe, { ...data, ...options, output }, about);
}

/** A file, folder or shards of a run that was started in `folder`, where the run is in `output` now. */
async function findMoved(path: string, folder: string, output: string): Promise<string> {
  if (await mayBeThere(path)) return path;
  const moved = resolve(output, relative(folder, path));
  if (await mayBeThere(moved)) return moved;
  const places = moved === path ? path : `${path}, or at ${moved}`;
  const text = `what the run in ${output} was started with is not at ${places} any more: bring it back, or say where the images are now (dir; mcloss train DIR --resume RUN)`;
  throw new McLossError("ERR_DATASET", text, { path });
}
