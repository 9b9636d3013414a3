import { z } from "zod";
import { callback, like, optionsOf, parseOptions, text, type Shape } from "../schema.js";
import { isRecord } from "../plain-data.js";
import { runFiles } from "../run/run-files.js";
import type { TrainingEvent } from "../train/events.js";
import type { TrainingResult } from "../train/run.js";
import { changeRecipe } from "./change.js";
import { DEFAULT_RECIPE } from "./default-recipe.js";
import { loadRecipe } from "./read.js";
import type { TrainRecipeOptions } from "./recipe-training.js";
import type { Recipe } from "./recipe.js";
import { recipeKeys } from "./schema.js";
import { prepareRecipe, trainRecipeShape } from "./train-recipe.js";

/** Other values of a part of a recipe: objects are merged key by key, null removes a key, the rest is replaced. */
export type Changes<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [Key in keyof T]?: Changes<T[Key]> | null | undefined }
    : T;

/** Options of train(): where the images are and the run goes, and every key of a {@link Recipe} by its name. */
export interface TrainOptions
  extends Omit<TrainRecipeOptions, "output">, Omit<Changes<Recipe>, keyof TrainRecipeOptions> {
  /** The run's folder: run.json, metrics.jsonl and checkpoints. */
  out: string;
  /** What the other keys change: a recipe, or the name or file of one, as {@link loadRecipe} takes it. Default "default". */
  recipe?: string | Recipe;
  /** Called with what happens, such as the end of each epoch; training waits for it, and ends with what it throws. */
  onEvent?: (event: TrainingEvent) => void | Promise<void>;
}

/** What train() came to. */
export interface TrainResult extends TrainingResult {
  /** The run's folder, as it was given. */
  out: string;
  /** What the run delivers, for {@link loadModel}: the epoch that did best on the held-out images, or else the last. */
  checkpoint: string;
  /** Of the held-out images with that checkpoint, 0 to 1; absent without any. */
  accuracy?: number;
  /** The classes' names, in the order of their labels. */
  classes: readonly string[];
  /** For people: what of the data was taken for what, and what was passed over. */
  notes: readonly string[];
}

const { output, ...dataShape } = trainRecipeShape;
const schema = optionsOf<TrainOptions>({
  ...recipeKeys,
  ...dataShape,
  out: text,
  recipe: z.union([text, like<Recipe>("a recipe", isRecord)]).optional(),
  onEvent: callback.optional(),
} satisfies Shape<TrainOptions>);

/** What train() does. */
export async function trainFolder(options: TrainOptions): Promise<TrainResult> {
  const given = parseOptions(schema, options);
  const { dir, validation, allowPartial, allowEmpty, fold, ...others } = given;
  const { overwrite, device, signal, reporter, group, ...rest } = others;
  const { out, recipe = DEFAULT_RECIPE, onEvent, ...changes } = rest;
  const base = typeof recipe === "string" ? await loadRecipe(recipe) : recipe;
  const data = { dir, validation, allowPartial, allowEmpty, fold };
  const where = { ...data, overwrite, device, signal, reporter, group, output: out };
  using training = await prepareRecipe(changeRecipe(base, changes), where);
  const run = training.fit();
  const accuracies = new Map<number, number>();
  for await (const event of run) {
    if (event.type === "epoch" && event.validation) accuracies.set(event.epoch, event.validation.accuracy);
    await onEvent?.(event);
  }
  const result = await run;
  const accuracy = accuracies.get(result.best?.epoch ?? result.epochs);
  const { images, notes } = training;
  return {
    checkpoint: runFiles(out).last,
    ...result,
    out,
    ...(accuracy !== undefined && { accuracy }),
    classes: images.classes,
    notes,
  };
}
