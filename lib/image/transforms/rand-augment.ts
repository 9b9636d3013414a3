import { count, index } from "../../schema.js";
import {
  bitsDownBy,
  downToZero,
  drawMagnitude,
  editsOf,
  upTo,
  upToShare,
  type Operation,
  type Space,
} from "../magnitudes.js";
import { color, sampling } from "../transform-options.js";
import { defineStep, make, type Made, type OptionsOf } from "../transform.js";

const SPACE: Space = {
  Identity: undefined,
  ShearX: upTo(0.3),
  ShearY: upTo(0.3),
  TranslateX: upToShare(150 / 331, "width"),
  TranslateY: upToShare(150 / 331, "height"),
  Rotate: upTo(30),
  Brightness: upTo(0.9),
  Color: upTo(0.9),
  Contrast: upTo(0.9),
  Sharpness: upTo(0.9),
  Posterize: bitsDownBy(4),
  Solarize: downToZero,
  AutoContrast: undefined,
  Equalize: undefined,
};
const OPERATIONS = Object.keys(SPACE) as Operation[];

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
    const edits = Array.from({ length: numOps }, () => {
      const operation = OPERATIONS[random.integer(0, OPERATIONS.length - 1)] ?? "Identity";
      const strength = drawMagnitude(operation, SPACE[operation], { step, bins, image }, random);
      return editsOf(operation, strength, image, outside);
    });
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
