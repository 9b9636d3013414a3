import { share } from "../../schema.js";
import { defineStep, make, type Made } from "../transform.js";

const definition = defineStep({
  name: "randomHorizontalFlip",
  stage: "step",
  summary: "Left and right exchanged (torchvision RandomHorizontalFlip)",
  options: {
    /** How probable it is. */
    probability: share.default(0.5),
  },
  changes: ["mirror"],
  draw({ probability }, random) {
    return { mirror: random.uniform(0, 1) < probability };
  },
});

/** What {@link randomHorizontalFlip} makes. */
export type RandomFlipSpec = Made<typeof definition>;

/** Left and right exchanged with a probability of 0.5 (torchvision RandomHorizontalFlip). */
export function randomHorizontalFlip(probability = 0.5): RandomFlipSpec {
  return make(definition, { probability });
}
/** @internal */
randomHorizontalFlip.definition = definition;
