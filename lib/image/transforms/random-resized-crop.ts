import { roundHalfToEven, type Region, type Size } from "../geometry.js";
import type { Random } from "../random.js";
import { interpolation, range, square, type ImageSize } from "../transform-options.js";
import { defineScaling, make, type Made, type OptionsOf } from "../transform.js";

const definition = defineScaling({
  name: "randomResizedCrop",
  stage: "scaling",
  summary: "A random part of the image, resized (torchvision RandomResizedCrop)",
  options: {
    /** Of the result. */
    size: square,
    /** The part's share of the image's area. */
    scale: range(1e-6, 1).default([0.08, 1]),
    /** Of the part's width to its height. */
    ratio: range(1e-3, 1e3).default([3 / 4, 4 / 3]),
    /** How pixels are interpolated. */
    interpolation: interpolation.default("bilinear"),
  },
  random: true,
  sizeOfAll({ size }) {
    return size;
  },
  uncropped(options) {
    return options;
  },
  scale({ size, scale, ratio }, image, random) {
    return { size, region: drawRegion(scale, ratio, random, image) };
  },
});

type Range = readonly [number, number];

const ATTEMPTS = 10;

/** As torchvision's RandomResizedCrop.get_params(). */
function drawRegion(scale: Range, ratio: Range, random: Random, image: Size): Region {
  const area = image.height * image.width;
  const logs = [Math.log(ratio[0]), Math.log(ratio[1])] as const;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const target = area * random.uniform(scale[0], scale[1]);
    const aspect = Math.exp(random.uniform(logs[0], logs[1]));
    const width = roundHalfToEven(Math.sqrt(target * aspect));
    const height = roundHalfToEven(Math.sqrt(target / aspect));
    if (width < 1 || height < 1 || width > image.width || height > image.height) continue;
    const top = random.integer(0, image.height - height);
    return { top, left: random.integer(0, image.width - width), height, width };
  }
  // The middle, as near to the ratios as the image allows.
  const shape = image.width / image.height;
  const height =
    shape < ratio[0] ? Math.min(image.height, roundHalfToEven(image.width / ratio[0])) : image.height;
  const width =
    shape > ratio[1] ? Math.min(image.width, roundHalfToEven(image.height * ratio[1])) : image.width;
  const middle = (whole: number, part: number) => Math.floor((whole - part) / 2);
  return { top: middle(image.height, height), left: middle(image.width, width), height, width };
}

/** What {@link randomResizedCrop} makes. */
export type RandomResizedCropSpec = Made<typeof definition>;

/**
 * A random part of the image, of `scale` of its area and `ratio` of width to height, resized to `size` (torchvision
 * RandomResizedCrop, and its defaults: scale 0.08 to 1, ratio 3/4 to 4/3).
 */
export function randomResizedCrop(
  size: ImageSize,
  options: OptionsOf<typeof definition, "size"> = {},
): RandomResizedCropSpec {
  return make(definition, { size }, options);
}
/** @internal */
randomResizedCrop.definition = definition;
