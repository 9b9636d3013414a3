import { z } from "zod";
import { foldSchema } from "../data/folds.js";
import { McLossError } from "../errors.js";
import { runFiles } from "../run/run-files.js";
import { runImagesSchema, type RunImages } from "../run/run-images.js";
import { readRunInfo } from "../run/run-info.js";
import { parse } from "../schema.js";
import { reasonOf } from "../system-error.js";
import type { RecipeData } from "./recipe-training.js";
import type { Recipe } from "./recipe.js";
import { checkRecipe } from "./schema.js";

const schema = z.object({
  folder: z.string(),
  about: z.looseObject({
    recipe: z.unknown().transform(checkRecipe),
    data: z.object({
      dir: z.string(),
      validation: z.string().optional(),
      allowPartial: z.boolean().optional(),
      allowEmpty: z.boolean().optional(),
      fold: foldSchema.optional(),
    }),
    images: runImagesSchema,
  }),
});

/** A recipe's run, as it was started. */
export interface StartedRun {
  /** The run's folder when it began. */
  folder: string;
  about: Readonly<Record<string, unknown>> & {
    recipe: Recipe;
    data: RecipeData;
    images: RunImages;
  };
}

/** What `run.json` says of a recipe's run. @throws McLossError ERR_IO when there is none */
export async function readStartedRun(output: string): Promise<StartedRun> {
  const info = await readRunInfo(output);
  try {
    return parse(schema, info);
  } catch (cause) {
    const { info: path } = runFiles(output);
    const text = `cannot go on from ${output}: ${path} is not of a run of mcloss train, or another version's (${reasonOf(cause)}). Give the folder of one, or start a new run`;
    throw new McLossError("ERR_IO", text, { path, cause });
  }
}
