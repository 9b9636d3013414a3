import { fitShorterSide } from "../geometry.js";
import { interpolation, sideOrSides, type ImageSize } from "../transform-options.js";
import { defineScaling, make, type Made, type OptionsOf } from "../transform.js";

const definition = defineScaling({
  name: "resize",
  stage: "scaling",
  summary: "Brings all images to a size, or their shorter sides to a length (torchvision Resize)",
  options: {
    /** `{ height, width }`, or the length of the shorter side; without a crop after it, of both sides. */
    size: sideOrSides,
    /** How pixels are interpolated. */
    interpolation: interpolation.default("bilinear"),
  },
  random: false,
  sizeOfAll({ size }) {
    return typeof size === "object" ? size : undefined;
  },
  uncropped({ size, ...others }) {
    return { ...others, size: typeof size === "object" ? size : { height: size, width: size } };
  },
  scale({ size }, image) {
    return { size: typeof size === "object" ? size : fitShorterSide(image, size) };
  },
});

/** What {@link resize} makes. */
export type ResizeSpec = Made<typeof definition>;

/**
 * A number is the length of the shorter side, the other following the image's shape, and takes a crop after it;
 * without one, as a batch's images have one size, it is both sides. `{ height, width }` is the exact size
 * (torchvision Resize). Default interpolation "bilinear".
 */
export function resize(size: ImageSize, options: OptionsOf<typeof definition, "size"> = {}): ResizeSpec {
  return make(definition, { size }, options);
}
/** @internal */
resize.definition = definition;
