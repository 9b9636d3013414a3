export { changeRecipe } from "./change.js";
export type { RecipeChannelLoss, RecipeLoss } from "./loss.js";
export type { RecipeNetwork } from "./network.js";
export type { Patch } from "./patch.js";
export { loadRecipe, parseRecipe, recipes } from "./read.js";
export { sourceOf, type PublishedAccuracy, type Recipe, type Source } from "./recipe.js";
export {
  prepareRecipe,
  prepareResume,
  trainRecipe,
  type RecipeData,
  type RecipeTraining,
  type TrainRecipeOptions,
} from "./train.js";
