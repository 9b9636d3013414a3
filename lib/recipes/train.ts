import type { TrainOptions, TrainResult } from "./train-folder.js";

export type { Changes, TrainOptions, TrainResult } from "./train-folder.js";

/**
 * Trains a classifier of a folder's images, as `mcloss train` does: `await train({ dir: "photos", out: "runs/photos" })`.
 * Nothing of it stays in memory; {@link loadModel} and {@link predict} take the checkpoint.
 * @throws McLossError ERR_ARGUMENT naming the option or the part of the recipe that does not fit, ERR_DATASET for the images,
 * ERR_CHECKPOINT for the weights, ERR_IO when `out` holds a run, ERR_ABORTED
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  // Recipes are a third of what importing the package would take.
  const { trainFolder } = await import("./train-folder.js");
  return trainFolder(options);
}
