import { z } from "zod";
import { share } from "../../schema.js";
import { grayMix } from "../augmentation.js";
import type { Random } from "../random.js";
import { range } from "../transform-options.js";
import { defineStep, make, type Made, type OptionsOf } from "../transform.js";

const definition = defineStep({
  name: "colorMatrix",
  stage: "step",
  summary:
    "Brightness, contrast and saturation by factors from 1 − x to 1 + x, a gain of each channel, and loss of all colour, in one pass on the device: a cheaper colorJitter, without its hue, in one order and without rounding",
  options: {
    /** Of the factor of all values. */
    brightness: share.default(0),
    /** Of the factor about the mean grey. */
    contrast: share.default(0),
    /** Of the factor of the colours; or its range: 0 is grey, 1 the image's own. */
    saturation: z.union([z.number().min(0).max(1), range(0, 100)]).default(0),
    /** Of a factor for each channel. */
    gain: share.default(0),
    /** How probable it is that all colour is lost. */
    grayscale: share.default(0),
  },
  changes: ["color", "contrast"],
  draw({ brightness: bright, contrast, saturation: range, gain: most, grayscale }, random) {
    const gray = random.uniform(0, 1) < grayscale;
    const saturation = gray ? 0 : drawSaturation(range, random);
    const brightness = around(bright, random);
    const mix = grayMix(saturation);
    const color = [0, 1, 2].flatMap((row) => {
      const gain = brightness * around(most, random);
      return mix.slice(3 * row, 3 * row + 3).map((weight) => gain * weight);
    });
    return { color, contrast: around(contrast, random) };
  },
});

function around(limit: number, random: Random): number {
  return random.uniform(1 - limit, 1 + limit);
}

function drawSaturation(saturation: number | readonly [number, number], random: Random): number {
  return typeof saturation === "number"
    ? around(saturation, random)
    : random.uniform(saturation[0], saturation[1]);
}

/** What {@link colorMatrix} makes. */
export type ColorMatrixSpec = Made<typeof definition>;

/**
 * Brightness, contrast and saturation by factors from 1 − x to 1 + x, a gain of each channel by itself, and loss of all
 * colour with the probability `grayscale`, in one pass on the device: a cheaper {@link colorJitter}, without its hue.
 * @param options.saturation also a range: 0 is grey, 1 the image's own
 */
export function colorMatrix(options: OptionsOf<typeof definition>): ColorMatrixSpec {
  return make(definition, {}, options);
}
/** @internal */
colorMatrix.definition = definition;
