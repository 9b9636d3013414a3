import { z } from "zod";
import { rate, share } from "../../schema.js";
import type { PixelEdit } from "../pixel-edits.js";
import { shuffled, type Random } from "../random.js";
import { range } from "../transform-options.js";
import { defineStep, make, type Made, type OptionsOf } from "../transform.js";

/** A distance from no change, or the range of a factor. */
const factor = z.union([rate, range(0, 1e4)]);
type Factor = number | readonly [number, number];

const definition = defineStep({
  name: "colorJitter",
  stage: "step",
  summary:
    "Brightness, contrast, saturation and hue changed in a random order (torchvision ColorJitter); a number x is a factor from 1 − x to 1 + x",
  options: {
    /** Of the factor of all values, or its range. */
    brightness: factor.default(0),
    /** Of the factor about the mean grey, or its range. */
    contrast: factor.default(0),
    /** Of the factor about each pixel's grey, or its range: 0 is grey, 1 the image's own. */
    saturation: factor.default(0),
    /** Most of the colour circle that hues are turned by either way, or its range; 0.5 is the opposite. */
    hue: z.union([z.number().min(0).max(0.5), range(-0.5, 0.5)]).default(0),
    /** How probable it is. */
    probability: share.default(1),
  },
  changes: ["edits"],
  draw({ brightness, contrast, saturation, hue, probability }, random) {
    if (probability < 1 && random.uniform(0, 1) >= probability) return {};
    const order = shuffled(4, random);
    const changes = [
      drawFactor("brightness", brightness, random),
      drawFactor("contrast", contrast, random),
      drawFactor("saturation", saturation, random),
      drawHue(hue, random),
    ];
    return { edits: order.flatMap((position) => changes[position] ?? []) };
  },
});

/** Nothing is drawn where nothing may change. */
function drawFactor(
  name: "brightness" | "contrast" | "saturation",
  given: Factor,
  random: Random,
): PixelEdit[] {
  const [least, most] = typeof given === "number" ? [Math.max(0, 1 - given), 1 + given] : given;
  return least === 1 && most === 1 ? [] : [[name, random.uniform(least, most)]];
}

function drawHue(given: Factor, random: Random): PixelEdit[] {
  const [least, most] = typeof given === "number" ? [-given, given] : given;
  return least === 0 && most === 0 ? [] : [["hue", random.uniform(least, most)]];
}

/** What {@link colorJitter} makes. */
export type ColorJitterSpec = Made<typeof definition>;

/** Brightness, contrast, saturation and hue, each changed by a random factor, in a random order (torchvision ColorJitter). */
export function colorJitter(options: OptionsOf<typeof definition>): ColorJitterSpec {
  return make(definition, {}, options);
}
/** @internal */
colorJitter.definition = definition;
