import type { Given } from "../../definition.js";
import { count } from "../../schema.js";
import { defineSampler } from "./definition.js";
import { drawWithReplacement } from "./draw-with-replacement.js";
import { weightsByClass } from "./weights-by-class.js";

export const classBalanced = defineSampler({
  name: "classBalanced",
  summary: "Every class as often as the others on average, drawn with replacement",
  options: {
    /** Samples per epoch. Default: as many as the data set has. */
    samples: count.optional(),
  },
  count: ({ samples }, { length }) => samples ?? length,
  draw: ({ samples }, dataset, random) =>
    drawWithReplacement(weightsByClass(dataset, 0), samples ?? dataset.length, random),
});

/** Every class as often as the others, drawn with replacement. */
export interface ClassBalancedSpec extends Given<typeof classBalanced.options> {
  type: "classBalanced";
}
