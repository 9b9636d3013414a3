import { Model } from "../models/model.js";
import { buildObjective } from "../train/objective.js";
import { networkSpec } from "./network.js";
import type { Recipe } from "./recipe.js";

/** Any network has its form for so many classes. */
const CLASSES = 2;

/**
 * Whether a recipe's network can have its loss, before there are images.
 * @throws McLossError ERR_ARGUMENT where it cannot
 */
export function checkLoss(recipe: Recipe): void {
  using model = new Model(networkSpec({ ...recipe, groups: "split" }, CLASSES));
  buildObjective(model, recipe.loss, 0);
}
