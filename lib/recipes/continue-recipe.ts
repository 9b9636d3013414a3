import { existsSync } from "node:fs";
import { fromFirst } from "../distributed/exchange.js";
import { runFiles } from "../run/run-files.js";
import { parseOptions } from "../schema.js";
import { prepareTraining, type RecipeTraining, type TrainRecipeOptions } from "./recipe-training.js";
import type { Recipe } from "./recipe.js";
import { checkRecipe } from "./schema.js";
import { readStartedRun, type StartedRun } from "./started-run.js";
import { trainRecipeOptions } from "./train-recipe.js";

/**
 * As {@link prepareRecipe} where `output` holds no run yet, and else the training that goes on with it: the same call begins
 * a run and goes on with it, as often as it is interrupted.
 * @throws McLossError what {@link prepareRecipe} and {@link prepareResume} throw; ERR_ARGUMENT where the run is of another
 * recipe
 */
export async function prepareContinue(
  recipe: Recipe,
  given: TrainRecipeOptions & { output: string },
): Promise<RecipeTraining> {
  const options = parseOptions(trainRecipeOptions, given);
  const asked = checkRecipe(recipe);
  const { output } = given;
  const started = options.group
    ? await fromFirst(options.group, () => findStarted(output))
    : await findStarted(output);
  return prepareTraining(asked, options, started?.about, { isAsked: true });
}

/** Null where there is none, not even a part of one. */
async function findStarted(output: string): Promise<StartedRun | null> {
  const { info, last, best } = runFiles(output);
  if (![info, last, best].some((path) => existsSync(path))) return null;
  return readStartedRun(output);
}
