import { checkRecord } from "../check-argument.js";
import { z } from "zod";
import { parse } from "../schema.js";

/** Red, green and blue. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** A height and a width in pixels; one number makes a square. */
export type ImageSize = number | { height: number; width: number };

/** How pixels are interpolated when an image is resized (torchvision InterpolationMode; antialiased). */
export type Interpolation = "nearest" | "bilinear" | "bicubic" | "lanczos";

const extent = z.int().min(1).max(65_535);
const sides = z.strictObject({ height: extent, width: extent });
const SIZE_HELP = { error: "must be an integer from 1 to 65535, or { height, width } of such" };
const square = z.union([extent.transform((side) => ({ height: side, width: side })), sides], SIZE_HELP);
const interpolation = z.enum(["nearest", "bilinear", "bicubic", "lanczos"]).default("bilinear");
const probability = z.number().min(0).max(1).default(0.5);
const rgb = (value: z.ZodNumber) => z.tuple([value, value, value]).readonly();
const fill = rgb(z.number().min(0).max(255)).default([0, 0, 0]);
const factor = z.number().min(0).max(1).default(0);
const range = (low: number, high: number) =>
  z
    .tuple([z.number().min(low).max(high), z.number().min(low).max(high)])
    .refine(([least, most]) => least <= most, "must be [least, most]")
    .readonly();

const specs = {
  resize: z.strictObject({
    type: z.literal("resize"),
    size: z.union([extent, sides], SIZE_HELP),
    interpolation,
  }),
  randomResizedCrop: z.strictObject({
    type: z.literal("randomResizedCrop"),
    size: square,
    scale: range(1e-6, 1).default([0.08, 1]),
    ratio: range(1e-3, 1e3).default([3 / 4, 4 / 3]),
    interpolation,
  }),
  centerCrop: z.strictObject({ type: z.literal("centerCrop"), size: square, fill }),
  fiveCrop: z.strictObject({ type: z.literal("fiveCrop"), size: square }),
  tenCrop: z.strictObject({ type: z.literal("tenCrop"), size: square }),
  randomCrop: z.strictObject({
    type: z.literal("randomCrop"),
    size: square.optional(),
    padding: z.int().min(0).max(65_535).default(0),
    fill,
  }),
  randomHorizontalFlip: z.strictObject({ type: z.literal("randomHorizontalFlip"), probability }),
  randomAffine: z.strictObject({
    type: z.literal("randomAffine"),
    degrees: z.number().min(0).max(180).default(0),
    translate: z.number().min(0).max(1).default(0),
    scale: range(0.01, 100).default([1, 1]),
    aspect: z.number().min(0).max(0.9).default(0),
    shear: z.number().min(0).max(80).default(0),
    fill,
  }),
  colorJitter: z.strictObject({
    type: z.literal("colorJitter"),
    brightness: factor,
    contrast: factor,
    saturation: z.union([z.number().min(0).max(1), range(0, 100)]).default(0),
    gain: factor,
    grayscale: factor,
  }),
  randomErasing: z.strictObject({
    type: z.literal("randomErasing"),
    probability,
    scale: range(0, 1).default([0.02, 0.33]),
    ratio: range(1e-3, 1e3).default([0.3, 3.3]),
    value: z
      .union([z.number().transform((level): Rgb => [level, level, level]), rgb(z.number())])
      .default([0, 0, 0]),
  }),
  normalize: z.strictObject({
    type: z.literal("normalize"),
    mean: rgb(z.number()).default([0.5, 0.5, 0.5]),
    std: rgb(z.number().min(1e-6)).default([0.5, 0.5, 0.5]),
  }),
};

const transform = z.discriminatedUnion("type", [
  specs.resize,
  specs.randomResizedCrop,
  specs.centerCrop,
  specs.fiveCrop,
  specs.tenCrop,
  specs.randomCrop,
  specs.randomHorizontalFlip,
  specs.randomAffine,
  specs.colorJitter,
  specs.randomErasing,
  specs.normalize,
]);

/** What {@link resize} makes. */
export type ResizeSpec = z.output<typeof specs.resize>;
/** What {@link randomResizedCrop} makes. */
export type RandomResizedCropSpec = z.output<typeof specs.randomResizedCrop>;
/** What {@link centerCrop} makes. */
export type CenterCropSpec = z.output<typeof specs.centerCrop>;
/** What {@link fiveCrop} makes. */
export type FiveCropSpec = z.output<typeof specs.fiveCrop>;
/** What {@link tenCrop} makes. */
export type TenCropSpec = z.output<typeof specs.tenCrop>;
/** What {@link randomCrop} makes. */
export type RandomCropSpec = z.output<typeof specs.randomCrop>;
/** What {@link randomHorizontalFlip} makes. */
export type RandomFlipSpec = z.output<typeof specs.randomHorizontalFlip>;
/** What {@link randomAffine} makes. */
export type RandomAffineSpec = z.output<typeof specs.randomAffine>;
/** What {@link colorJitter} makes. */
export type ColorJitterSpec = z.output<typeof specs.colorJitter>;
/** What {@link randomErasing} makes. */
export type RandomErasingSpec = z.output<typeof specs.randomErasing>;
/** What {@link normalize} makes. */
export type NormalizeSpec = z.output<typeof specs.normalize>;

/** Steps from an image to a network's input, as plain data. */
export type TransformSpec = z.output<typeof transform>;

/** What a transform may be given beside what it is about; everything has a default. */
type Options<Spec, Given extends keyof Spec = never> = Partial<Omit<Spec, "type" | Given>>;

/**
 * Checks untrusted data, such as a configuration file's, and gives it back as transforms with the defaults filled in.
 * @throws McLossError ERR_ARGUMENT that names the path of the bad part, such as `[2].padding`
 */
export function parseTransforms(value: unknown): TransformSpec[] {
  return parse(transformList, value);
}

/** For the specs that carry transforms. */
export const transformList = z.array(transform).min(1);

/**
 * A number is the length of the shorter side, the other following the image's shape, and takes a crop after it;
 * without one, as a batch's images have one size, it is both sides. `{ height, width }` is the exact size
 * (torchvision Resize). Default interpolation "bilinear".
 */
export function resize(size: ImageSize, options: Options<ResizeSpec, "size"> = {}): ResizeSpec {
  return parse(specs.resize, { type: "resize", size, ...options });
}

/**
 * A random part of the image, of `scale` of its area and `ratio` of width to height, resized to `size` (torchvision
 * RandomResizedCrop, and its defaults: scale 0.08 to 1, ratio 3/4 to 4/3).
 */
export function randomResizedCrop(
  size: ImageSize,
  options: Options<RandomResizedCropSpec, "size"> = {},
): RandomResizedCropSpec {
  return parse(specs.randomResizedCrop, { type: "randomResizedCrop", size, ...options });
}

/** The image's middle, with `fill` (0 to 255) around it where it is smaller (torchvision CenterCrop). */
export function centerCrop(size: ImageSize, options: Options<CenterCropSpec, "size"> = {}): CenterCropSpec {
  return parse(specs.centerCrop, { type: "centerCrop", size, ...options });
}

/** The corners and the middle: top left, top right, bottom left, bottom right, middle (torchvision FiveCrop). */
export function fiveCrop(size: ImageSize): FiveCropSpec {
  return parse(specs.fiveCrop, { type: "fiveCrop", size });
}

/** {@link fiveCrop} of the image and of its mirror image (torchvision TenCrop). */
export function tenCrop(size: ImageSize): TenCropSpec {
  return parse(specs.tenCrop, { type: "tenCrop", size });
}

/**
 * A crop at a random place (torchvision RandomCrop), after `padding` pixels of the colour `fill` (0 to 255) were put
 * around the image; without `size` of the image's own size.
 */
export function randomCrop(size: ImageSize, options?: Options<RandomCropSpec, "size">): RandomCropSpec;
export function randomCrop(options: Options<RandomCropSpec>): RandomCropSpec;
export function randomCrop(
  size: ImageSize | Options<RandomCropSpec>,
  options: Options<RandomCropSpec, "size"> = {},
): RandomCropSpec {
  if (typeof size !== "number") checkRecord("size", size, "a number, { height, width } or options");
  const given = typeof size === "number" || "height" in size ? { size, ...options } : size;
  return parse(specs.randomCrop, { type: "randomCrop", ...given });
}

/** Left and right exchanged with a probability of 0.5 (torchvision RandomHorizontalFlip). */
export function randomHorizontalFlip(probability = 0.5): RandomFlipSpec {
  return parse(specs.randomHorizontalFlip, { type: "randomHorizontalFlip", probability });
}

/**
 * Rotation, shift, scale, aspect and shear about the image's centre, each up to a limit either way (torchvision
 * RandomAffine and RandomRotation with bilinear interpolation, and aspect).
 * @param options.degrees rotation
 * @param options.translate shift, as a share of width and height
 * @param options.scale range of the scale
 * @param options.aspect stretching in x by up to this share, undone in y
 * @param options.shear shearing along x, in degrees
 * @param options.fill colour of what comes in from outside, 0 to 255
 */
export function randomAffine(options: Options<RandomAffineSpec>): RandomAffineSpec {
  return parse(specs.randomAffine, { type: "randomAffine", ...options });
}

/**
 * Brightness, contrast and saturation by factors from 1 − x to 1 + x (torchvision ColorJitter, without hue and in this
 * order), a gain of each channel by itself, and loss of all colour with the probability `grayscale`.
 * @param options.saturation also a range: 0 is grey, 1 the image's own
 */
export function colorJitter(options: Options<ColorJitterSpec>): ColorJitterSpec {
  return parse(specs.colorJitter, { type: "colorJitter", ...options });
}

/**
 * With a probability of 0.5 a rectangle, of `scale` of the image's area and `ratio` of height to width, becomes `value`
 * (torchvision RandomErasing, and its defaults: scale 0.02 to 0.33, ratio 0.3 to 3.3). After normalize() `value` is in
 * normalised units, before it in [0, 1]. Default 0.
 */
export function randomErasing(
  options: Options<RandomErasingSpec, "value"> & { value?: number | Rgb } = {},
): RandomErasingSpec {
  return parse(specs.randomErasing, { type: "randomErasing", ...options });
}

/** torchvision's statistics of ImageNet. */
export const IMAGENET_STATISTICS = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/** (value − mean) / std on values in [0, 1] (torchvision ToTensor and Normalize). Default 0.5, as the released code. */
export function normalize(options: Options<NormalizeSpec> = {}): NormalizeSpec {
  checkRecord("options", options, "an object: { mean, std }");
  const { mean, std } = options;
  return parse(specs.normalize, { type: "normalize", mean, std });
}
