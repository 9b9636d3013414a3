import { givenCounts, logPriors } from "./class-priors.js";
import { defineClassification } from "./definition.js";

export const balancedSoftmax = defineClassification({
  name: "balancedSoftmax",
  takesMixtures: true,
  summary:
    "Cross-entropy of probabilities nₖ·exp(logitₖ) / Σ, n the training images of each class (Ren et al., NeurIPS 2020, equation 4)",
  options: {
    /** Images of each class. Default: those of the training set. */
    classCounts: givenCounts,
  },
  native({ classCounts }, context) {
    const shift = context.own(logPriors(classCounts, context));
    return { plugIn: { type: "classPriors", numbers: { labelSmoothing: 0 }, tensors: { shift } } };
  },
  describe: ({ classCounts }) => [
    "balanced softmax",
    ...(classCounts ? [`class counts ${classCounts.join(" ")}`] : []),
  ],
});
