import { z } from "zod";
import { share } from "../../schema.js";
import { range } from "../transform-options.js";
import { defineStep, make, type Made, type OptionsOf } from "../transform.js";

const ODD = "must be odd";

const definition = defineStep({
  name: "gaussianBlur",
  stage: "step",
  summary: "A Gaussian blur of random width, mirrored at the border (torchvision GaussianBlur)",
  options: {
    /** Side of the kernel in pixels, odd; about 0.1 of the image's is usual. */
    kernelSize: z
      .int()
      .min(1)
      .max(999)
      .refine((size) => size % 2 === 1, ODD),
    /** Range of the standard deviation, in pixels. */
    sigma: range(1e-3, 1000).default([0.1, 2]),
    /** How probable it is. */
    probability: share.default(1),
  },
  changes: ["edits"],
  draw({ kernelSize, sigma, probability }, random) {
    if (probability < 1 && random.uniform(0, 1) >= probability) return {};
    return { edits: [["gaussianBlur", kernelSize, random.uniform(sigma[0], sigma[1])]] };
  },
});

/** What {@link gaussianBlur} makes. */
export type GaussianBlurSpec = Made<typeof definition>;

/** A Gaussian blur, by default with a standard deviation from 0.1 to 2 pixels (torchvision GaussianBlur). */
export function gaussianBlur(
  kernelSize: number,
  options: OptionsOf<typeof definition, "kernelSize"> = {},
): GaussianBlurSpec {
  return make(definition, { kernelSize }, options);
}
/** @internal */
gaussianBlur.definition = definition;
