import { className } from "../models/class-name.js";
import type { Model } from "../models/model.js";
import type { Tensor } from "../tensor/tensor.js";

/** One class and how probable it is. */
export interface ClassScore {
  /** The class's name, or its number where the model has no names. */
  name: string;
  /** The class's number: its place in the logits. */
  index: number;
  /** Softmax of the logits. */
  probability: number;
}

/**
 * The probabilities [N, K], as float32, of images whose logits [N·V, K] are those of V views each: averaged over the views, as
 * with torchvision's FiveCrop.
 */
export function averagedProbabilities(logits: Tensor, views: number): Tensor {
  const classes = logits.shape[1] ?? 0;
  return logits.to("float32").view([-1, views, classes]).mean(1).softmax(1);
}

/** Every class by its probability, best first. */
export function rankClasses(model: Model, probabilities: Float32Array): ClassScore[] {
  return Array.from(probabilities, (probability, index) => ({
    name: className(model.info.classNames, index),
    index,
    probability,
  })).sort((a, b) => b.probability - a.probability);
}
