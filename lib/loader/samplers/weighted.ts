import { z } from "zod";
import type { Given } from "../../definition.js";
import type { Random } from "../../image/random.js";
import { count, flag, rate } from "../../schema.js";
import { defineSampler } from "./definition.js";
import { drawWithReplacement } from "./draw-with-replacement.js";

export const weighted = defineSampler({
  name: "weighted",
  summary: "Drawn by weight (torch.utils.data.WeightedRandomSampler)",
  options: {
    /** Of each sample; 0 leaves it out. */
    weights: z.array(rate).readonly(),
    /** Samples per epoch. Default: as many as the data set has. */
    samples: count.optional(),
    /** Whether a sample may come more than once in an epoch. */
    replacement: flag.default(true),
  },
  count: ({ samples }, { length }) => samples ?? length,
  draw: ({ weights, replacement, samples }, { length }, random) => {
    const draw = replacement ? drawWithReplacement : drawWithoutReplacement;
    return draw(weights, samples ?? length, random);
  },
  check: ({ weights, replacement, samples }, { length }) => {
    if (weights.length !== length) {
      return ["weights", `must be one per sample, which are ${length}, got ${weights.length}`];
    }
    const drawable = weights.filter((weight) => weight > 0).length;
    if (drawable === 0) return ["weights", "must not all be 0"];
    if (replacement || (samples ?? length) <= drawable) return undefined;
    const text = `must be at most ${drawable}, the samples of a weight above 0, as there is no replacement`;
    return ["samples", text];
  },
});

/** Drawn by weight (torch.utils.data.WeightedRandomSampler). */
export interface WeightedSpec extends Given<typeof weighted.options> {
  type: "weighted";
}

/** Each gets an exponential variable of its weight's rate, and the earliest are taken (Efraimidis and Spirakis, 2006). */
function drawWithoutReplacement(weights: readonly number[], count: number, random: Random): number[] {
  const times = weights.map((weight) => -Math.log(1 - random.uniform(0, 1)) / weight);
  const drawable = weights.flatMap((weight, index) => (weight > 0 ? [index] : []));
  return drawable.sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0)).slice(0, count);
}
