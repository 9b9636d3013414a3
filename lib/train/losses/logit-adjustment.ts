import { rate } from "../../schema.js";
import { givenCounts, logPriors } from "./class-priors.js";
import { defineClassification } from "./definition.js";

export const logitAdjustment = defineClassification({
  name: "logitAdjustment",
  takesMixtures: true,
  summary:
    "Cross-entropy of logits + τ·log π, π the classes' shares of the training images (Menon et al., ICLR 2021, equation 10)",
  options: {
    /** τ; 0 is cross-entropy. */
    tau: rate.default(1),
    /** Images of each class. Default: those of the training set. */
    classCounts: givenCounts,
  },
  native({ tau, classCounts }, context) {
    const shift = context.own(logPriors(classCounts, context).map((prior) => tau * prior));
    return { plugIn: { type: "classPriors", numbers: { labelSmoothing: 0 }, tensors: { shift } } };
  },
  describe: ({ tau, classCounts }) => [
    `logit adjustment τ ${tau}`,
    ...(classCounts ? [`class counts ${classCounts.join(" ")}`] : []),
  ],
});
