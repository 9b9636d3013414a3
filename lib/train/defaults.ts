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

/** γ of the focal loss (Lin et al., ICCV 2017). */
export const DEFAULT_FOCAL_GAMMA = 2;

/** λ of the center loss (Wen et al., ECCV 2016). */
export const DEFAULT_CENTER_WEIGHT = 0.003;

/** α of the centers' update (Wen et al., ECCV 2016). */
export const DEFAULT_CENTER_RATE = 0.5;
