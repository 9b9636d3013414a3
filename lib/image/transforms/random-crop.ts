import { z } from "zod";
import { checkRecord } from "../../check-argument.js";
import { tooSmall } from "../image-problem.js";
import { color, square, type ImageSize } from "../transform-options.js";
import { defineStep, make, type Made, type OptionsOf } from "../transform.js";

const definition = defineStep({
  name: "randomCrop",
  stage: "step",
  summary: "A crop at a random place (torchvision RandomCrop)",
  options: {
    /** Of the crop. Default: the image's own. */
    size: square.optional(),
    /** How many pixels are put around the image first. */
    padding: z.int().min(0).max(65_535).default(0),
    /** Their colour, 0 to 255. */
    fill: color.default([0, 0, 0]),
  },
  changes: ["crop"],
  margin({ padding }) {
    return padding;
  },
  /** As torchvision's RandomCrop.get_params(). */
  draw({ size, padding }, random, image) {
    const { height, width } = size ?? image;
    const [down, across] = [image.height + padding - height, image.width + padding - width];
    if (down < -padding || across < -padding)
      throw tooSmall(`is smaller than the crop (${width} × ${height})`, image);
    const left = random.integer(-padding, across);
    return { crop: { left, top: random.integer(-padding, down), height, width } };
  },
});

/** What {@link randomCrop} makes. */
export type RandomCropSpec = Made<typeof definition>;

/**
 * A crop at a random place (torchvision RandomCrop), after `padding` pixels of the colour `fill` (0 to 255) were put
 * around the image; without `size` of the image's own size.
 */
export function randomCrop(size: ImageSize, options?: OptionsOf<typeof definition, "size">): RandomCropSpec;
export function randomCrop(options: OptionsOf<typeof definition>): RandomCropSpec;
export function randomCrop(
  size: ImageSize | OptionsOf<typeof definition>,
  options: OptionsOf<typeof definition, "size"> = {},
): RandomCropSpec {
  if (typeof size !== "number") checkRecord("size", size, "a number, { height, width } or options");
  const isSize = typeof size === "number" || "height" in size;
  return isSize ? make(definition, { size }, options) : make(definition, {}, size);
}
/** @internal */
randomCrop.definition = definition;
