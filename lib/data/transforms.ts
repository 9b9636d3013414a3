import { invalidArgument } from "../errors.js";

/** Red, green and blue. */
export type Rgb = readonly [number, number, number];

/** How pixels are interpolated when an image is resized. */
export type Kernel = "lanczos3" | "cubic" | "linear";

/** Steps from a decoded image to a network's input, as plain data. */
export type TransformSpec =
  ResizeSpec | RandomCropSpec | RandomFlipSpec | RandomAffineSpec | ColorJitterSpec | NormalizeSpec;

export interface ResizeSpec {
  type: "resize";
  height: number;
  width: number;
  kernel: Kernel;
}

export interface RandomCropSpec {
  type: "randomCrop";
  /** Pixels around the image from which the crop of the image's own size is taken. */
  padding: number;
  /** Colour of the padding, 0 to 255. */
  fill: Rgb;
}

export interface RandomFlipSpec {
  type: "randomHorizontalFlip";
  probability: number;
}

export interface RandomAffineSpec {
  type: "randomAffine";
  /** Rotation up to this angle either way. */
  degrees: number;
  /** Shift up to this share of the width and height either way. */
  translate: number;
  /** Range of the scale. */
  scale: readonly [number, number];
  /** Stretching in x by up to this share either way, undone in y. */
  aspect: number;
  /** Shearing along x up to this angle either way, in degrees. */
  shear: number;
  /** Colour of what comes in from outside, 0 to 255. */
  fill: Rgb;
}

export interface ColorJitterSpec {
  type: "colorJitter";
  /** Factors from 1 − x to 1 + x. */
  brightness: number;
  contrast: number;
  /** The same, or a range: 0 is grey, 1 the image's own. */
  saturation: number | readonly [number, number];
  /** Of each channel by itself. */
  gain: number;
  /** Probability of losing all colour. */
  grayscale: number;
}

export interface NormalizeSpec {
  type: "normalize";
  /** Of each channel, on values in [0, 1]. */
  mean: Rgb;
  std: Rgb;
}

/** To exactly `size` × `size` or `height` × `width` pixels, once per image (torchvision Resize with both sides). */
export function resize(
  size: number | { height: number; width: number },
  options: { kernel?: Kernel } = {},
): ResizeSpec {
  const { height, width } = typeof size === "number" ? { height: size, width: size } : size;
  checkRange("size", height, 1, 65_535, true);
  checkRange("size", width, 1, 65_535, true);
  const { kernel = "lanczos3" } = options;
  if (!KERNELS.includes(kernel))
    throw invalidArgument("kernel", `must be one of ${KERNELS.join(", ")}, got "${kernel}"`);
  return { type: "resize", height, width, kernel };
}

/** A crop of the image's own size from the padded image (torchvision RandomCrop with padding). */
export function randomCrop(options: { padding: number; fill?: Rgb }): RandomCropSpec {
  checkRange("padding", options.padding, 0, 65_535, true);
  return { type: "randomCrop", padding: options.padding, fill: checkFill(options.fill) };
}

/** torchvision RandomHorizontalFlip. */
export function randomHorizontalFlip(probability = 0.5): RandomFlipSpec {
  checkRange("probability", probability, 0, 1);
  return { type: "randomHorizontalFlip", probability };
}

/** Rotation, shift, scale, aspect and shear about the image's centre (torchvision RandomAffine, and aspect). */
export function randomAffine(options: Partial<Omit<RandomAffineSpec, "type">>): RandomAffineSpec {
  const { degrees = 0, translate = 0, scale = [1, 1], aspect = 0, shear = 0 } = options;
  checkRange("degrees", degrees, 0, 180);
  checkRange("translate", translate, 0, 1);
  checkRange("scale[0]", scale[0], 0.01, scale[1]);
  checkRange("aspect", aspect, 0, 0.9);
  checkRange("shear", shear, 0, 80);
  return { type: "randomAffine", degrees, translate, scale, aspect, shear, fill: checkFill(options.fill) };
}

/** Brightness, contrast and saturation (torchvision ColorJitter), a gain per channel, and loss of all colour. */
export function colorJitter(options: Partial<Omit<ColorJitterSpec, "type">>): ColorJitterSpec {
  const { brightness = 0, contrast = 0, saturation = 0, gain = 0, grayscale = 0 } = options;
  for (const [name, value] of Object.entries({ brightness, contrast, gain, grayscale })) {
    checkRange(name, value, 0, 1);
  }
  if (typeof saturation === "number") checkRange("saturation", saturation, 0, 1);
  else checkRange("saturation[0]", saturation[0], 0, saturation[1]);
  return { type: "colorJitter", brightness, contrast, saturation, gain, grayscale };
}

/** (value − mean) / std on values in [0, 1] (torchvision ToTensor and Normalize). Default 0.5, as the released code. */
export function normalize(options: { mean?: Rgb; std?: Rgb } = {}): NormalizeSpec {
  const { mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] } = options;
  mean.forEach((value, channel) => checkRange(`mean[${channel}]`, value, -Infinity, Infinity));
  std.forEach((value, channel) => checkRange(`std[${channel}]`, value, 1e-6, Infinity));
  return { type: "normalize", mean, std };
}

const KERNELS: readonly string[] = ["lanczos3", "cubic", "linear"] satisfies Kernel[];

/** A list of transforms, checked and taken apart. */
export interface Pipeline {
  resize: ResizeSpec;
  random: Exclude<TransformSpec, ResizeSpec | NormalizeSpec>[];
  normalize: NormalizeSpec;
  /** The one colour that comes in from outside. */
  fill: Rgb;
}

/**
 * Checks that `transforms` are a resize, any random ones, and a normalize, in this order.
 * @throws McLossError ERR_ARGUMENT naming the position
 */
export function buildPipeline(transforms: readonly TransformSpec[]): Pipeline {
  const first = transforms[0];
  const last = transforms.at(-1);
  if (first?.type !== "resize") throw invalidArgument("transforms[0]", "must be a resize");
  if (last?.type !== "normalize")
    throw invalidArgument(`transforms[${transforms.length - 1}]`, "must be a normalize");
  const random = transforms.slice(1, -1).map((transform, index) => {
    if (transform.type !== "resize" && transform.type !== "normalize") return transform;
    throw invalidArgument(`transforms[${index + 1}]`, `must be random, got another ${transform.type}`);
  });
  const fills = random.flatMap((transform) => ("fill" in transform ? [transform.fill] : []));
  if (new Set(fills.map(String)).size > 1) {
    throw invalidArgument("transforms", "must have one fill colour, as they become one interpolation");
  }
  return { resize: first, random, normalize: last, fill: fills[0] ?? [0, 0, 0] };
}

function checkFill(fill: Rgb = [0, 0, 0]): Rgb {
  fill.forEach((value, channel) => checkRange(`fill[${channel}]`, value, 0, 255));
  return fill;
}

function checkRange(argument: string, value: number, low: number, high: number, integer = false): void {
  if (value >= low && value <= high && (!integer || Number.isInteger(value))) return;
  const kind = integer ? "an integer" : "a number";
  throw invalidArgument(argument, `must be ${kind} from ${low} to ${high}, got ${value}`);
}
