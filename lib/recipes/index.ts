export { changeRecipe } from "./change.js";
export type { RecipeNetwork } from "./network.js";
export type { Patch } from "./patch.js";
export { loadRecipe, parseRecipe, recipes } from "./read.js";
export { sourceOf, type PublishedAccuracy, type Recipe, type Source } from "./recipe.js";
export type { RecipeData, RecipeTraining, TrainRecipeOptions } from "./recipe-training.js";
export { prepareResume, type PrepareResumeOptions } from "./resume-recipe.js";
export { prepareRecipe, trainRecipe } from "./train-recipe.js";
