import { z } from "zod";
import type { Given } from "../../definition.js";
import type { Random } from "../../image/random.js";
import { count, flag, rate, share } from "../../schema.js";
import { defineSampler } from "./definition.js";
import { drawWithReplacement } from "./draw-with-replacement.js";
import { weightsByClass } from "./weights-by-class.js";

export const weighted = defineSampler({
  name: "weighted",
  summary: "Drawn by weight (torch.utils.data.WeightedRandomSampler)",
  options: {
    /** Of each sample; 0 leaves it out. Default: by class, as `power` says. */
    weights: z.array(rate).readonly().optional(),
    /**
     * q: a class of n samples is drawn as often as n^q says, where there are no weights: 1 as it is, 1/2 by the square root, 0
     * as often as every other (Kang et al., ICLR 2020).
     */
    power: share.default(0.5),
    /** Samples per epoch. Default: as many as the data set has. */
    samples: count.optional(),
    /** Whether a sample may come more than once in an epoch. */
    replacement: flag.default(true),
  },
  count: ({ samples }, { length }) => samples ?? length,
  draw: ({ weights, power, replacement, samples }, dataset, random) => {
    const draw = replacement ? drawWithReplacement : drawWithoutReplacement;
    return draw(weights ?? weightsByClass(dataset, power), samples ?? dataset.length, random);
  },
  check: ({ weights: given, replacement, samples }, { length }) => {
    const weights = given ?? new Array<number>(length).fill(1);
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
