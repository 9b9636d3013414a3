import { DEFAULT_WEIGHTS } from "../loss/default-weights.js";
import { DEFAULT_EPOCHS, DEFAULT_OPTIMIZER } from "../train/defaults.js";
import type { RecipeNetwork } from "./network.js";
import type { Recipe } from "./recipe.js";

/** What `mcloss train` does without options, and what a recipe's missing keys are. */
export const DEFAULT_RECIPE: Recipe = {
  name: "default",
  description: "a small network for small images, from scratch",
  dataset: {},
  network: { name: "small-resnet", channelsPerClass: 3 },
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

/** What the network is where nothing but its name is said. */
export const DEFAULT_NETWORKS: { readonly [Name in RecipeNetwork["name"]]: RecipeNetwork } = {
  "small-resnet": { name: "small-resnet", channelsPerClass: 3 },
  resnet18: { name: "resnet18", channelsPerClass: 3 },
  resnet34: { name: "resnet34", channelsPerClass: 3 },
  resnet50: { name: "resnet50" },
  resnet101: { name: "resnet101" },
  vgg16: { name: "vgg16", channelsPerClass: 3 },
  "bilinear-vgg16": { name: "bilinear-vgg16" },
};
