import { cornersAndMiddle } from "../geometry.js";
import { square, type ImageSize } from "../transform-options.js";
import { defineViews, make, type Made } from "../transform.js";

const definition = defineViews({
  name: "tenCrop",
  stage: "views",
  summary:
    "The corners and the middle of the image and of its mirror image, for evaluation (torchvision TenCrop)",
  options: {
    /** Of each crop. */
    size: square,
  },
  mirrored: [false, true].flatMap((mirrored) => new Array<boolean>(5).fill(mirrored)),
  parts({ size }, image) {
    const parts = cornersAndMiddle(image, size);
    return [...parts, ...parts];
  },
});

/** What {@link tenCrop} makes. */
export type TenCropSpec = Made<typeof definition>;

/** {@link fiveCrop} of the image and of its mirror image (torchvision TenCrop). */
export function tenCrop(size: ImageSize): TenCropSpec {
  return make(definition, { size });
}
/** @internal */
tenCrop.definition = definition;
