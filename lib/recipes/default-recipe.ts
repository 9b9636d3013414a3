import { DEFAULT_WEIGHTS } from "../loss/default-weights.js";
import { DEFAULT_EPOCHS, DEFAULT_OPTIMIZER } from "../train/defaults.js";
import { networkNamed } from "./network.js";
import type { Recipe } from "./recipe.js";

/** What `mcloss train` does without options, and what a recipe's missing keys are. */
export const DEFAULT_RECIPE: Recipe = {
  name: "default",
  description: "a small network for small images, from scratch",
  dataset: {},
  network: networkNamed("small-resnet"),
  groups: "split",
  // With the released code's β of 20 channels of photographs keep to their places (docs/results.md).
  loss: { ...DEFAULT_WEIGHTS, beta: 1 },
  transforms: { train: "flip", test: "resize" },
  epochs: DEFAULT_EPOCHS,
  batchSize: 32,
  dropLast: true,
  onBadImage: "error",
  optimizer: DEFAULT_OPTIMIZER,
  precision: "float32",
  accumulate: 1,
  onNan: "stop",
  seed: 0,
};
