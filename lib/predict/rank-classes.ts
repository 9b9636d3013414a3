import { McLossError } from "../errors.js";
import { className } from "../models/class-name.js";
import type { Model } from "../models/model.js";
import type { ClassScore } from "../models/prediction.js";
import type { Tensor } from "../tensor/tensor.js";

/**
 * The probabilities [N, K], as float32, of images whose logits [N·V, K] are those of V views each: averaged over the views, as
 * with torchvision's FiveCrop. All of an image's are NaN where one of its logits is not finite.
 */
export function averagedProbabilities(logits: Tensor, views: number): Tensor {
  const classes = logits.shape[1] ?? 0;
  const averages = logits.to("float32").view([-1, views, classes]).mean(1);
  return averages.softmax(1).add(averages.mul(0).sum(1, { keepdim: true }));
}

/**
 * Every class by its probability, best first.
 * @throws McLossError ERR_NAN_OUTPUT where the probabilities are not numbers
 */
export function rankClasses(model: Model, probabilities: Float32Array): ClassScore[] {
  if (probabilities.some(Number.isNaN)) throw noAnswer(model);
  return Array.from(probabilities, (probability, index) => ({
    name: className(model.info.classNames, index),
    index,
    probability,
  })).sort((a, b) => b.probability - a.probability);
}

function noAnswer({ file, spec }: Model): McLossError {
  const whose = file ?? `the model (${spec.name})`;
  const text = `${whose} answers with numbers that are not finite: its weights are damaged, or its training went wrong. Train it again, with a lower learning rate`;
  return new McLossError("ERR_NAN_OUTPUT", text, { path: file });
}
