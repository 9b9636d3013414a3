import type { Given } from "../../definition.js";
import { decay } from "../../schema.js";
import { classWeights, describeClassWeights, weightsOfClasses } from "./class-weights.js";
import { defineClassification } from "./definition.js";

export const crossEntropy = defineClassification({
  name: "ce",
  takesMixtures: true,
  summary: "Cross-entropy (torch.nn.CrossEntropyLoss)",
  options: {
    /** The share of each target that all classes have alike. */
    labelSmoothing: decay.default(0),
    /**
     * How much an image of each class weighs: "balanced" by the inverse of the class's training images (n / K·nₖ, as scikit-learn),
     * by the inverse of their effective number (Cui et al., CVPR 2019), or numbers of one's own. Default: all alike.
     */
    classWeights: classWeights.optional(),
  },
  native({ labelSmoothing, classWeights: given }, context) {
    if (given === undefined) return { labelSmoothing };
    const weights = context.own(weightsOfClasses(given, context));
    return { plugIn: { type: "classPriors", numbers: { labelSmoothing }, tensors: { weights } } };
  },
  describe: ({ labelSmoothing, classWeights: given }) => [
    "cross-entropy",
    ...(labelSmoothing === 0 ? [] : [`label smoothing ${labelSmoothing}`]),
    ...(given === undefined ? [] : [describeClassWeights(given)]),
  ],
});

/** torch.nn.CrossEntropyLoss */
export interface CrossEntropyLoss extends Given<typeof crossEntropy.options> {
  type: "ce";
}
