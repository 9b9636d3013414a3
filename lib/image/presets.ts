import { z } from "zod";
import { count, optionsOf, parseOptions } from "../schema.js";
import { checkRecord } from "../check-argument.js";
import { buildPipeline } from "./pipeline.js";
import {
  autoAugment,
  centerCrop,
  colorMatrix,
  normalize,
  randAugment,
  randomAffine,
  randomCrop,
  randomHorizontalFlip,
  resize,
  tenCrop,
  trivialAugmentWide,
  type ImageSize,
  type Rgb,
  type TransformSpec,
} from "./transforms.js";

/** How training images may be changed, by name. */
export const AUGMENTATION_LEVELS = [
  "none",
  "flip",
  "strong",
  "randAugment",
  "trivialAugmentWide",
  "autoAugment",
] as const;

/**
 * How much training images are changed: not at all, as the released code (padded crop and flip), or more; or by a flip and one of
 * the field's policies.
 */
export type AugmentationLevel = (typeof AUGMENTATION_LEVELS)[number];

/** What a published setting does to images. */
export interface TransformPreset {
  train: TransformSpec[];
  evaluation: TransformSpec[];
}

/** What says which images it takes: a model, or its spec and info. */
export interface TakesImages {
  readonly spec: {
    /** The images that it is made for. */
    readonly input: { readonly height: number; readonly width: number };
  };
  readonly info: {
    /** What images go through before they are its inputs, in evaluation. */
    readonly transforms?: readonly TransformSpec[];
    /** Of inputs in [0, 1], where `transforms` does not say. */
    readonly normalization?: { readonly mean: Rgb; readonly std: Rgb };
  };
}

/** torchvision's statistics of ImageNet. */
export const IMAGENET_STATISTICS = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/** Of inputs in [0, 1], by color. */
interface Statistics {
  readonly mean: Rgb;
  readonly std: Rgb;
}

interface PretrainedOptions {
  resize?: ImageSize;
  crop?: number;
  normalization?: Statistics;
}

const scratchOptions = optionsOf<{ size?: number }>({ size: count.optional() });
const pretrainedOptions = optionsOf<PretrainedOptions>({
  // resize() looks at it.
  resize: z.unknown().optional(),
  crop: count.optional(),
  // normalize() looks at it.
  normalization: z.unknown().optional(),
});

/**
 * Training from scratch as the paper's released code: 224 × 224 whatever the image's shape, a crop from 4 pixels of
 * black around it, a flip, mean = std = 0.5.
 * @param options.size default 224
 */
export function paperScratch(options: { size?: number } = {}): TransformPreset {
  const { size = 224 } = parseOptions(scratchOptions, options);
  const exact = resize({ height: size, width: size });
  const augmented = [randomCrop(size, { padding: 4 }), randomHorizontalFlip()];
  return { train: [exact, ...augmented, normalize()], evaluation: [exact, normalize()] };
}

/**
 * Fine-tuning a network that knows ImageNet: the shorter side to 600, a crop of 448 × 448 at a random place or, for
 * evaluation, in the middle, a flip, ImageNet's statistics.
 * @param options.resize default 600; others use 512, or `{ height, width }` for an exact size
 * @param options.crop default 448
 * @param options.normalization default ImageNet's; the authors' script has mean = std = 0.5
 */
export function paperPretrained(
  options: { resize?: ImageSize; crop?: number; normalization?: { mean: Rgb; std: Rgb } } = {},
): TransformPreset {
  const {
    crop = 448,
    resize: size = 600,
    normalization = IMAGENET_STATISTICS,
  } = parseOptions(pretrainedOptions, options);
  const resized = resize(size);
  return {
    train: [resized, randomCrop(crop), randomHorizontalFlip(), normalize(normalization)],
    evaluation: [resized, centerCrop(crop), normalize(normalization)],
  };
}

/** The images that weights were trained on. */
export interface PretrainedImages {
  /** The shorter side that images are brought to. */
  resize: number;
  /** Side of the square that the network then takes. */
  crop: number;
  interpolation: "bilinear" | "bicubic";
  normalization: { readonly mean: Rgb; readonly std: Rgb };
}

/**
 * Fine-tuning from weights, with the images that they were trained on: the shorter side to a length, a square at a random
 * place (in the middle for evaluation and where nothing is augmented), and their normalisation.
 * @param side of the network's input; another one than theirs changes both lengths alike
 */
export function pretrainedTransforms(
  images: PretrainedImages,
  side: number,
  level: AugmentationLevel,
): TransformPreset {
  const length = Math.round((images.resize * side) / images.crop);
  const resized = resize(Math.max(length, side), { interpolation: images.interpolation });
  const normalized = normalize(images.normalization);
  const evaluation = [resized, centerCrop(side), normalized];
  if (level === "none") return { train: evaluation, evaluation };
  const random = RANDOM[level]().filter(({ type }) => type !== "randomCrop");
  return { train: [resized, randomCrop(side), ...random, normalized], evaluation };
}

/** What a model's inputs go through, without augmentation: its info's transforms, or a resize to its input's size. */
export function evaluationTransforms(model: TakesImages): readonly TransformSpec[] {
  checkRecord("model", model, "a Model");
  checkRecord("model", model.info, "a Model");
  return model.info.transforms ?? [exactly(model), normalize(model.info.normalization)];
}

/**
 * The model's evaluation transforms with ten crops of each image, over which predictions are averaged, in place of one: of
 * the size of its crop or, where it has none, of its input's size from an image enlarged by 8/7 (256 for 224, as is usual
 * with torchvision).
 */
export function tenCropTransforms(model: TakesImages): readonly TransformSpec[] {
  const transforms = evaluationTransforms(model);
  const size = buildPipeline(transforms).input;
  const crop = transforms.findLast(({ type }) => CROPS.includes(type));
  if (crop) return transforms.map((step) => (step === crop ? tenCrop(size) : step));
  const enlarged = { height: Math.round((size.height * 8) / 7), width: Math.round((size.width * 8) / 7) };
  return transforms.flatMap((step): TransformSpec[] =>
    step.type === "resize" ? [{ ...step, size: enlarged }, tenCrop(size)] : [step],
  );
}

const CROPS: readonly TransformSpec["type"][] = ["centerCrop", "fiveCrop", "tenCrop"];

/** What training images go through. */
export function augmentation(model: TakesImages, level: AugmentationLevel): TransformSpec[] {
  return [exactly(model), ...RANDOM[level](), normalize(model.info.normalization)];
}

/** Made when they are asked for: the first transform of each kind takes milliseconds. */
const RANDOM: Record<AugmentationLevel, () => readonly TransformSpec[]> = {
  none: () => [],
  flip: () => [randomCrop({ padding: 4 }), randomHorizontalFlip()],
  strong: () => [
    randomHorizontalFlip(),
    randomAffine({ degrees: 15, translate: 0.06, scale: [0.8, 1.2], aspect: 0.1, shear: 7 }),
    colorMatrix({ brightness: 0.2, contrast: 0.3, saturation: 0.3, gain: 0.1 }),
  ],
  randAugment: () => [randomHorizontalFlip(), randAugment()],
  trivialAugmentWide: () => [randomHorizontalFlip(), trivialAugmentWide()],
  autoAugment: () => [randomHorizontalFlip(), autoAugment()],
};

function exactly(model: TakesImages): TransformSpec {
  const { height, width } = model.spec.input;
  return resize({ height, width }, { interpolation: "lanczos" });
}
