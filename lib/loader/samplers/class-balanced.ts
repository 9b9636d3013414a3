import type { Dataset } from "../../data/dataset.js";
import type { Given } from "../../definition.js";
import { count } from "../../schema.js";
import { defineSampler } from "./definition.js";
import { drawWithReplacement } from "./draw-with-replacement.js";

export const classBalanced = defineSampler({
  name: "classBalanced",
  summary: "Every class as often as the others on average, drawn with replacement",
  options: {
    /** Samples per epoch. Default: as many as the data set has. */
    samples: count.optional(),
  },
  count: ({ samples }, { length }) => samples ?? length,
  draw: ({ samples }, dataset, random) =>
    drawWithReplacement(balance(dataset), samples ?? dataset.length, random),
});

/** Every class as often as the others, drawn with replacement. */
export interface ClassBalancedSpec extends Given<typeof classBalanced.options> {
  type: "classBalanced";
}

function balance(dataset: Dataset): number[] {
  const labels = Array.from({ length: dataset.length }, (_, index) => dataset.sample(index).label);
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return labels.map((label) => 1 / (counts.get(label) ?? 1));
}
