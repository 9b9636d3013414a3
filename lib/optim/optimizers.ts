import { Registry, type Spec } from "../definition.js";
import { adam, adamw } from "./optimizers/adam.js";
import { lion } from "./optimizers/lion.js";
import { rmsprop } from "./optimizers/rmsprop.js";
import { sgd } from "./optimizers/sgd.js";

/** All optimizers. */
export const optimizers = new Registry([sgd, adam, adamw, rmsprop, lion], { fallback: "sgd" });

/**
 * Which optimizer, and its options, for {@link Optimizer}.
 * @useDeclaredType
 */
export type OptimizerOptions = Spec<typeof optimizers>;
