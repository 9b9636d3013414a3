import { z } from "zod";
import { share } from "../../schema.js";
import { roundHalfToEven, type Region, type Size } from "../geometry.js";
import type { Random } from "../random.js";
import { range, rgb, type Rgb } from "../transform-options.js";
import { defineStep, make, type Made, type OptionsOf } from "../transform.js";

const definition = defineStep({
  name: "randomErasing",
  stage: "step",
  summary: "A rectangle of one colour (torchvision RandomErasing)",
  options: {
    /** How probable it is. */
    probability: share.default(0.5),
    /** The rectangle's share of the image's area. */
    scale: range(0, 1).default([0.02, 0.33]),
    /** Of its height to its width. */
    ratio: range(1e-3, 1e3).default([0.3, 3.3]),
    /** What it becomes: after normalize in normalised units, before it in [0, 1]; a level, or three. */
    value: z
      .union([z.number().transform((level): Rgb => [level, level, level]), rgb(z.number())])
      .default([0, 0, 0]),
  },
  changes: ["erased"],
  erasedColor({ value }) {
    return value;
  },
  draw({ probability, scale, ratio }, random, image) {
    if (random.uniform(0, 1) >= probability) return {};
    return { erased: drawRectangle(scale, ratio, random, image) };
  },
});

type Range = readonly [number, number];

const ATTEMPTS = 10;

/** As torchvision's RandomErasing.get_params(). */
function drawRectangle(scale: Range, ratio: Range, random: Random, image: Size): Region | undefined {
  const logs = [Math.log(ratio[0]), Math.log(ratio[1])] as const;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const target = image.height * image.width * random.uniform(scale[0], scale[1]);
    const aspect = Math.exp(random.uniform(logs[0], logs[1]));
    const height = roundHalfToEven(Math.sqrt(target * aspect));
    const width = roundHalfToEven(Math.sqrt(target / aspect));
    if (height >= image.height || width >= image.width) continue;
    const top = random.integer(0, image.height - height);
    return { top, left: random.integer(0, image.width - width), height, width };
  }
  return undefined;
}

/** What {@link randomErasing} makes. */
export type RandomErasingSpec = Made<typeof definition>;

/**
 * With a probability of 0.5 a rectangle, of `scale` of the image's area and `ratio` of height to width, becomes `value`
 * (torchvision RandomErasing, and its defaults: scale 0.02 to 0.33, ratio 0.3 to 3.3). After normalize() `value` is in
 * normalised units, before it in [0, 1]. Default 0.
 */
export function randomErasing(options: OptionsOf<typeof definition> = {}): RandomErasingSpec {
  return make(definition, {}, options);
}
/** @internal */
randomErasing.definition = definition;
