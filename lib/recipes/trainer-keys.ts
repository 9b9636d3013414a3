import type { TrainerOptions } from "../train/trainer-options.js";
import type { Recipe } from "./recipe.js";

/** The keys of a recipe that are options of its trainer. */
export const TRAINER_KEYS = [
  "epochs",
  "loss",
  "mix",
  "optimizer",
  "schedule",
  "precision",
  "accumulate",
  "onNan",
  "seed",
  "tf32",
  "clipNorm",
  "clipValue",
  "ema",
  "monitor",
  "earlyStopping",
  "unfreeze",
  "cudaGraph",
] as const satisfies readonly (keyof Recipe & keyof TrainerOptions)[];

export function trainerOptionsOf(recipe: Recipe): Pick<TrainerOptions, (typeof TRAINER_KEYS)[number]> {
  return Object.fromEntries(TRAINER_KEYS.map((key) => [key, recipe[key]]));
}
