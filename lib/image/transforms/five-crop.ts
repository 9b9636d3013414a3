import { cornersAndMiddle } from "../geometry.js";
import { square, type ImageSize } from "../transform-options.js";
import { defineViews, make, type Made } from "../transform.js";

const definition = defineViews({
  name: "fiveCrop",
  stage: "views",
  summary: "The corners and the middle, for evaluation (torchvision FiveCrop)",
  options: {
    /** Of each crop. */
    size: square,
  },
  mirrored: new Array<boolean>(5).fill(false),
  parts({ size }, image) {
    return cornersAndMiddle(image, size);
  },
});

/** What {@link fiveCrop} makes. */
export type FiveCropSpec = Made<typeof definition>;

/** The corners and the middle: top left, top right, bottom left, bottom right, middle (torchvision FiveCrop). */
export function fiveCrop(size: ImageSize): FiveCropSpec {
  return make(definition, { size });
}
/** @internal */
fiveCrop.definition = definition;
