import { z } from "zod";
import { abortShape, flag, instanceOf, must, optionsOf, parseOptions, text, type Shape } from "../schema.js";
import { ProcessGroup } from "../distributed/process-group.js";
import { foldSchema } from "../data/folds.js";
import { deviceSchema } from "../native/dtype.js";
import type { Reporter } from "../reporter.js";
import type { TrainingEvent } from "../train/events.js";
import { prepareTraining, type RecipeTraining, type TrainRecipeOptions } from "./recipe-training.js";
import type { Recipe } from "./recipe.js";
import { checkRecipe } from "./schema.js";

/** {@link TrainRecipeOptions} */
export const trainRecipeShape = {
  ...abortShape,
  dir: text,
  validation: text.optional(),
  allowPartial: flag.optional(),
  allowEmpty: flag.optional(),
  fold: foldSchema.optional(),
  output: text.optional(),
  reporter: z.custom<Reporter>().optional(),
  overwrite: flag.optional(),
  device: z.union([z.literal("auto"), deviceSchema], must('"auto", "cpu", "cuda" or "cuda:N"')).optional(),
  group: instanceOf<ProcessGroup>(ProcessGroup, "what initProcessGroup() gives").optional(),
} satisfies Shape<TrainRecipeOptions>;
/** {@link TrainRecipeOptions} */
export const trainRecipeOptions = optionsOf<TrainRecipeOptions>(trainRecipeShape);

/**
 * Trains a recipe, yielding what happens: all that `mcloss train` does. `trainRecipe(await loadRecipe("cub200-resnet50"),
 * { dir: "data/CUB_200_2011", output: "runs/birds" })`; {@link changeRecipe} changes a recipe.
 * @returns what was trained
 * @throws McLossError what {@link prepareRecipe} and {@link Trainer.fit} throw
 */
export async function* trainRecipe(
  recipe: Recipe,
  options: TrainRecipeOptions,
): AsyncGenerator<TrainingEvent, RecipeTraining, void> {
  const training = await prepareRecipe(recipe, options);
  try {
    yield* training.fit();
    return training;
  } catch (error) {
    training.dispose();
    throw error;
  }
}

/**
 * Opens the data, builds the network and loads its weights.
 * @throws McLossError ERR_ARGUMENT or ERR_SHAPE naming the part of the recipe that does not fit, ERR_DATASET,
 * ERR_CHECKPOINT for the weights, ERR_IO when `output` holds a run
 */
export async function prepareRecipe(recipe: Recipe, options: TrainRecipeOptions): Promise<RecipeTraining> {
  return prepareTraining(checkRecipe(recipe), parseOptions(trainRecipeOptions, options));
}
