import { centerOf } from "../geometry.js";
import { color, square, type ImageSize } from "../transform-options.js";
import { defineStep, make, type Made, type OptionsOf } from "../transform.js";

const definition = defineStep({
  name: "centerCrop",
  stage: "step",
  summary: "The image's middle (torchvision CenterCrop)",
  options: {
    /** Of the crop. */
    size: square,
    /** The colour around an image that is smaller, 0 to 255. */
    fill: color.default([0, 0, 0]),
  },
  changes: ["crop"],
  fixed: true,
  margin() {
    return Infinity;
  },
  draw({ size }, _random, image) {
    return { crop: centerOf(image, size) };
  },
});

/** What {@link centerCrop} makes. */
export type CenterCropSpec = Made<typeof definition>;

/** The image's middle, with `fill` (0 to 255) around it where it is smaller (torchvision CenterCrop). */
export function centerCrop(
  size: ImageSize,
  options: OptionsOf<typeof definition, "size"> = {},
): CenterCropSpec {
  return make(definition, { size }, options);
}
/** @internal */
centerCrop.definition = definition;
