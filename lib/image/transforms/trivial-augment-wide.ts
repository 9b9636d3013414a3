import { count } from "../../schema.js";
import { bitsDownBy, downToZero, drawAnyEdits, upTo, type Space } from "../magnitudes.js";
import { color, sampling } from "../transform-options.js";
import { defineStep, make, type Made, type OptionsOf } from "../transform.js";

const SPACE: Space = {
  Identity: undefined,
  ShearX: upTo(0.99),
  ShearY: upTo(0.99),
  TranslateX: upTo(32),
  TranslateY: upTo(32),
  Rotate: upTo(135),
  Brightness: upTo(0.99),
  Color: upTo(0.99),
  Contrast: upTo(0.99),
  Sharpness: upTo(0.99),
  Posterize: bitsDownBy(6),
  Solarize: downToZero,
  AutoContrast: undefined,
  Equalize: undefined,
};

const definition = defineStep({
  name: "trivialAugmentWide",
  stage: "step",
  summary:
    "One operation of any strength, drawn from 14: shears, shifts, turns, colours and levels (Müller & Hutter, ICCV 2021; torchvision TrivialAugmentWide)",
  options: {
    /** Steps from no change to the strongest, drawn alike. */
    numMagnitudeBins: count.default(31),
    /** How pixels are interpolated. */
    interpolation: sampling.default("nearest"),
    /** The colour of what comes in from outside, 0 to 255. Default: black. */
    fill: color.optional(),
  },
  changes: ["edits"],
  draw({ numMagnitudeBins: bins, ...outside }, random, image) {
    const step = () => random.integer(0, bins - 1);
    return { edits: drawAnyEdits(SPACE, { step, bins, image, outside }, random) };
  },
});

/** What {@link trivialAugmentWide} makes. */
export type TrivialAugmentWideSpec = Made<typeof definition>;

/** One operation of any strength, drawn from 14, with nothing to tune (torchvision TrivialAugmentWide). */
export function trivialAugmentWide(options: OptionsOf<typeof definition> = {}): TrivialAugmentWideSpec {
  return make(definition, {}, options);
}
/** @internal */
trivialAugmentWide.definition = definition;
/** @internal */
trivialAugmentWide.space = SPACE;
