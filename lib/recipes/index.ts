export { changeRecipe } from "./change.js";
export type { RecipeNetwork } from "./network.js";
export type { Patch } from "./patch.js";
export { loadRecipe, parseRecipe, recipes } from "./read.js";
export { sourceOf, type PublishedAccuracy, type Recipe, type Source } from "./recipe.js";
export {
  prepareRecipe,
  prepareResume,
  RESUMABLE_KEYS,
  type PrepareResumeOptions,
  trainRecipe,
  type RecipeData,
  type RecipeTraining,
  type TrainRecipeOptions,
} from "./train.js";
