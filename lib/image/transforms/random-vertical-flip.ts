import { share } from "../../schema.js";
import { defineStep, make, type Made } from "../transform.js";

const definition = defineStep({
  name: "randomVerticalFlip",
  stage: "step",
  summary: "Above and below exchanged (torchvision RandomVerticalFlip)",
  options: {
    /** How probable it is. */
    probability: share.default(0.5),
  },
  changes: ["edits"],
  draw({ probability }, random) {
    return random.uniform(0, 1) < probability ? { edits: [["flipVertical"]] } : {};
  },
});

/** What {@link randomVerticalFlip} makes. */
export type RandomVerticalFlipSpec = Made<typeof definition>;

/** Above and below exchanged with a probability of 0.5 (torchvision RandomVerticalFlip). */
export function randomVerticalFlip(probability = 0.5): RandomVerticalFlipSpec {
  return make(definition, { probability });
}
/** @internal */
randomVerticalFlip.definition = definition;
