import { count, index } from "../../schema.js";
import { AUTO_AUGMENT_SPACE, drawAnyEdits, type Space } from "../magnitudes.js";
import { color, sampling } from "../transform-options.js";
import { defineStep, make, type Made, type OptionsOf } from "../transform.js";

const SPACE: Space = {
  Identity: undefined,
  ...AUTO_AUGMENT_SPACE,
  AutoContrast: undefined,
  Equalize: undefined,
};

const definition = defineStep({
  name: "randAugment",
  stage: "step",
  summary:
    "Operations of one strength, drawn from 14: shears, shifts, turns, colours and levels (Cubuk et al., CVPR Workshops 2020; torchvision RandAugment)",
  options: {
    /** How many, one after another. */
    numOps: index.default(2),
    /** How strong they are, of the steps. */
    magnitude: index.default(9),
    /** Steps from no change, 0, to the strongest. */
    numMagnitudeBins: count.default(31),
    /** How pixels are interpolated. */
    interpolation: sampling.default("nearest"),
    /** The colour of what comes in from outside, 0 to 255. Default: black. */
    fill: color.optional(),
  },
  changes: ["edits"],
  draw({ numOps, magnitude, numMagnitudeBins: bins, ...outside }, random, image) {
    // The strongest there is.
    const step = () => Math.min(magnitude, bins - 1);
    const drawing = { step, bins, image, outside };
    const edits = Array.from({ length: numOps }, () => drawAnyEdits(SPACE, drawing, random));
    return { edits: edits.flat() };
  },
});

/** What {@link randAugment} makes. */
export type RandAugmentSpec = Made<typeof definition>;

/**
 * `numOps` operations, by default 2, one after another, each drawn from 14 and of strength `magnitude`, by default 9 of 31
 * steps (torchvision RandAugment).
 */
export function randAugment(options: OptionsOf<typeof definition> = {}): RandAugmentSpec {
  return make(definition, {}, options);
}
/** @internal */
randAugment.definition = definition;
/** @internal */
randAugment.space = SPACE;
