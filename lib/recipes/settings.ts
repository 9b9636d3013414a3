import { resumableChanges } from "../run/option-changes.js";
import { NOT_SETTINGS } from "./change.js";
import type { Recipe } from "./recipe.js";

/** A recipe without what it says of itself. */
export function settingsOf(recipe: Recipe): Partial<Recipe> {
  return Object.fromEntries(Object.entries(recipe).filter(([key]) => !NOT_SETTINGS.test(key)));
}

/**
 * @param output the run's folder, for messages
 * @throws McLossError ERR_ARGUMENT naming a key that may not change in a run that goes on
 */
export function requireResumable(output: string, before: Recipe, now: Recipe): void {
  resumableChanges(output, settingsOf(before), settingsOf(now));
}
