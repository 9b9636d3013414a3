import { share } from "../../schema.js";
import { defineStep, make, type Made } from "../transform.js";

const definition = defineStep({
  name: "randomGrayscale",
  stage: "step",
  summary: "Loss of all colour (torchvision RandomGrayscale)",
  options: {
    /** How probable it is. */
    probability: share.default(0.1),
  },
  changes: ["edits"],
  draw({ probability }, random) {
    return random.uniform(0, 1) < probability ? { edits: [["grayscale"]] } : {};
  },
});

/** What {@link randomGrayscale} makes. */
export type RandomGrayscaleSpec = Made<typeof definition>;

/** Loss of all colour with a probability of 0.1 (torchvision RandomGrayscale). */
export function randomGrayscale(probability = 0.1): RandomGrayscaleSpec {
  return make(definition, { probability });
}
/** @internal */
randomGrayscale.definition = definition;
