import { invalidArgument } from "../../errors.js";
import { linearOfAverage } from "../../models/linear-of-average.js";
import { count, share } from "../../schema.js";
import type { LossContext } from "./context.js";
import { defineClassification } from "./definition.js";

export const gradientBoosting = defineClassification({
  name: "gradientBoosting",
  summary:
    "Cross-entropy among the true class and its strongest rivals, behind a diversification block that suppresses places of the classes' activation maps in training (Sun et al., AAAI 2020)",
  options: {
    /** k, how many rivals count; all there are, where there are fewer. */
    negatives: count.default(15),
    /** How often the strongest place of a class's map is suppressed. With 0 here and for the patches there is no such block. */
    peakRate: share.default(0.5),
    /** How often each other patch is. */
    patchRate: share.default(0.5),
    /** Side of a patch, in places of the features; at the right and lower border patches are cut. */
    patchSize: count.default(3),
    /** α, what is left of a suppressed place. */
    suppression: share.default(0.1),
  },
  native({ negatives, peakRate, patchRate, patchSize, suppression }, context) {
    const numbers = { negatives, peakRate, patchRate, patchSize, suppression };
    const tensors = peakRate === 0 && patchRate === 0 ? {} : classifierOf(context);
    return { plugIn: { type: "gradientBoosting", numbers, tensors } };
  },
  describe: ({ negatives, peakRate, patchRate, patchSize, suppression }) => [
    `gradient boosting k ${negatives}`,
    ...(peakRate === 0 && patchRate === 0
      ? ["no diversification"]
      : [
          ...(peakRate === 0.5 ? [] : [`peaks ${peakRate}`]),
          ...(patchRate === 0.5 ? [] : [`patches ${patchRate}`]),
          ...(patchSize === 3 ? [] : [`patches of ${patchSize}`]),
          ...(suppression === 0.1 ? [] : [`suppression ${suppression}`]),
        ]),
  ],
});

/** The classifier, whose weights make maps of the features. @throws McLossError ERR_ARGUMENT */
function classifierOf({ model }: LossContext) {
  const layer = linearOfAverage(model.spec);
  if (layer === undefined) {
    throw invalidArgument(
      "loss.peakRate",
      `needs class activation maps, and ${model.spec.name} has none: its classifier is not one linear layer on the average of ` +
        `the features. Take a network of that form (small-resnet and resnet50 have it with head "linear", any other with an adapter: ` +
        "--adapter 3), or peakRate 0 and patchRate 0",
    );
  }
  const tensorOf = (name: string) => model.state().find((entry) => entry.name === `${layer}.${name}`)?.tensor;
  const [weight, bias] = [tensorOf("weight"), tensorOf("bias")];
  return { ...(weight && { weight: weight.handle }), ...(bias && { bias: bias.handle }) };
}
