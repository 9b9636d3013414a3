import type { TrainingSets } from "../data/training-sets.js";
import type { Monitor } from "../train/monitor.js";
import type { Recipe } from "./recipe.js";

/**
 * What epochs are judged by where the held-out images are a test part: the training images, as its figures would be too
 * good if it chose the checkpoint. Undefined where the held-out images may choose, and where the recipe says what does.
 */
export function judgeByTraining(
  { monitor, schedule }: Pick<Recipe, "monitor" | "schedule">,
  { chooses, heldOut }: TrainingSets,
): { monitor: Monitor; note: string } | undefined {
  if (chooses || !heldOut || monitor !== undefined) return undefined;
  const falls = schedule?.type === "plateau" && schedule.mode === "min";
  const note =
    "a test part chooses no best checkpoint: the result is the last epoch's; --validation gives images that choose, " +
    "and --monitor accuracy lets the test part";
  return { monitor: falls ? "train.loss" : "train.accuracy", note };
}
