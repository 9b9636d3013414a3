import type { OptimizerSpec } from "./build-optimizer.js";

/** Passes over the training images. */
export const DEFAULT_EPOCHS = 100;

/** What the weights are trained with where nothing else is said. */
export const DEFAULT_OPTIMIZER = {
  type: "sgd",
  learningRate: 0.05,
  momentum: 0.9,
  nesterov: true,
  weightDecay: 5e-4,
} as const satisfies OptimizerSpec;
