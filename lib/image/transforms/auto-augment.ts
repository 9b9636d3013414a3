import { z } from "zod";
import { AUTO_AUGMENT_POLICIES } from "../auto-augment-policies.js";
import { AUTO_AUGMENT_SPACE, drawEdits } from "../magnitudes.js";
import { color, sampling } from "../transform-options.js";
import { defineStep, make, type Made, type OptionsOf } from "../transform.js";

const BINS = 10;

const definition = defineStep({
  name: "autoAugment",
  stage: "step",
  summary:
    "One of 25 pairs of operations that were learned on a data set (Cubuk et al., CVPR 2019; torchvision AutoAugment)",
  options: {
    /** On which. */
    policy: z.enum(["imagenet", "cifar10", "svhn"]).default("imagenet"),
    /** How pixels are interpolated. */
    interpolation: sampling.default("nearest"),
    /** The colour of what comes in from outside, 0 to 255. Default: black. */
    fill: color.optional(),
  },
  changes: ["edits"],
  draw({ policy, ...outside }, random, image) {
    const pairs = AUTO_AUGMENT_POLICIES[policy];
    const pair = pairs[random.integer(0, pairs.length - 1)] ?? [];
    const edits = pair.map(([operation, probability, at = 0]) => {
      if (random.uniform(0, 1) > probability) return [];
      const drawing = { step: () => at, bins: BINS, image, outside };
      return drawEdits(AUTO_AUGMENT_SPACE, operation, drawing, random);
    });
    return { edits: edits.flat() };
  },
});

/** What {@link autoAugment} makes. */
export type AutoAugmentSpec = Made<typeof definition>;

/** One of 25 pairs of operations that were learned on a data set, by default ImageNet (torchvision AutoAugment). */
export function autoAugment(options: OptionsOf<typeof definition> = {}): AutoAugmentSpec {
  return make(definition, {}, options);
}
/** @internal */
autoAugment.definition = definition;
/** @internal */
autoAugment.space = AUTO_AUGMENT_SPACE;
