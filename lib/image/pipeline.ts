import { z } from "zod";
import { invalidArgument } from "../errors.js";
import { parse } from "../schema.js";
import type { Size } from "./geometry.js";
import { chooseLimits, TRAINING_LIMITS, type ImageLimitOptions, type ImageLimits } from "./limits.js";
import {
  transformList,
  type CenterCropSpec,
  type ColorJitterSpec,
  type FiveCropSpec,
  type NormalizeSpec,
  type RandomAffineSpec,
  type RandomCropSpec,
  type RandomErasingSpec,
  type RandomFlipSpec,
  type RandomResizedCropSpec,
  type ResizeSpec,
  type Rgb,
  type TenCropSpec,
  type TransformSpec,
} from "./transforms.js";

export type SizingStep = ResizeSpec | RandomResizedCropSpec;
export type ViewsStep = FiveCropSpec | TenCropSpec;
export type Step =
  CenterCropSpec | RandomCropSpec | RandomFlipSpec | RandomAffineSpec | ColorJitterSpec | RandomErasingSpec;

/**
 * A list of transforms, checked and divided between the decoder, which writes 8-bit pixels into a batch's buffer, and
 * the device, which makes the batch's tensor of them.
 */
export interface Pipeline {
  /** How images come to their first size. Absent: they keep their own. */
  sizing: SizingStep | undefined;
  /** In order. The decoder does the geometric ones among the first `decoderSteps`. */
  steps: readonly Step[];
  decoderSteps: number;
  /** Several views of each image, for evaluation. */
  views: ViewsStep | undefined;
  /** How many: 1, 5 or 10. */
  viewCount: number;
  /** Whether an image's own size must be known before its plan is drawn. */
  needsSize: boolean;
  /** Whether an image is decoded to the same pixels in every epoch. */
  fixed: boolean;
  /** Whether the device interpolates pixels rather than moving them as they are. */
  warped: boolean;
  colored: boolean;
  erasing: boolean;
  /** Of one view in the batch's buffer. */
  output: Size;
  /** What a sample takes in the batch's buffer: `viewCount` views of `height` × `width` × 3 bytes. */
  sampleBytes: number;
  /** Of the batch's tensor. */
  input: Size;
  /** The one colour that comes in from outside, 0 to 255. */
  fill: Rgb;
  normalize: NormalizeSpec;
  /** What an erased pixel becomes, in the tensor's units. */
  erased: Rgb;
  /** Larger images are refused. */
  limits: ImageLimits;
}

export interface PipelineOptions extends ImageLimitOptions {
  /**
   * Whether decoded pixels will be kept from epoch to epoch. Then a random crop of images that have one size is taken
   * from the buffer; otherwise the decoder makes the pixels of the crop alone. Default false.
   */
  cached?: boolean;
}

// Names the argument in messages: transforms[1].padding.
const argument = z.strictObject({ transforms: transformList });

/**
 * Checks that `transforms` are a resize or a crop, any others, and a normalize, and that they give images of one size.
 * @throws McLossError ERR_ARGUMENT naming the position
 */
export function buildPipeline(transforms: readonly TransformSpec[], options: PipelineOptions = {}): Pipeline {
  const { cached = false, ...limits } = options;
  const checked = parse(argument, { transforms }).transforms;
  const { sizing, steps, views, normalize, erased } = takeApart(checked);
  const decoderSteps = views ? steps.length : countDecoderSteps(sizing, steps, cached);
  const decoding = steps.slice(0, decoderSteps);
  const output = views?.size ?? sizeAfter(sizing, decoding);
  const input = views?.size ?? sizeAfter(sizing, steps);
  if (!output || !input) {
    const text = "must give images of one size: put a crop before what turns or scales them";
    throw invalidArgument("transforms", text);
  }
  const viewCount = countViews(views);
  return {
    sizing,
    steps,
    decoderSteps,
    views,
    viewCount,
    needsSize: !isExact(sizing) || decoding.some(isCrop) || views !== undefined,
    fixed: sizing?.type !== "randomResizedCrop" && decoding.every(({ type }) => type === "centerCrop"),
    warped: steps.some(({ type }) => type === "randomAffine"),
    colored: steps.some(({ type }) => type === "colorJitter"),
    erasing: steps.some(({ type }) => type === "randomErasing"),
    output,
    sampleBytes: viewCount * output.height * output.width * 3,
    input,
    fill: oneFill(steps),
    normalize,
    erased,
    limits: chooseLimits(limits, TRAINING_LIMITS),
  };
}

interface Parts {
  sizing: SizingStep | undefined;
  steps: Step[];
  views: ViewsStep | undefined;
  normalize: NormalizeSpec;
  erased: Rgb;
}

function takeApart(transforms: readonly TransformSpec[]): Parts {
  const end = transforms.findLastIndex(({ type }) => type === "normalize");
  const normalize = transforms[end];
  const first = transforms[0];
  if (!first || !(isSizing(first) || isViews(first) || ("size" in first && first.size))) {
    throw misplaced(0, "must be a resize or a crop to a size");
  }
  if (normalize?.type !== "normalize") throw misplaced(transforms.length - 1, "must be a normalize");
  const sizing = isSizing(first) ? first : undefined;
  const steps: Step[] = [];
  let views: ViewsStep | undefined;
  for (const [position, transform] of transforms.entries()) {
    if (transform === sizing || position === end) continue;
    checkPlace(transform, position, { end, steps, views });
    if (isViews(transform)) views = transform;
    else steps.push(transform as Step);
  }
  checkSizes(transforms);
  return {
    sizing: sizing?.type === "resize" ? asExactWhereUncropped(sizing, steps, views) : sizing,
    steps,
    views,
    normalize,
    erased: inTensorUnits(transforms, end, normalize),
  };
}

function checkPlace(
  transform: TransformSpec,
  position: number,
  before: { end: number; steps: readonly Step[]; views: ViewsStep | undefined },
): void {
  const { end, steps, views } = before;
  const { type } = transform;
  if (isSizing(transform) || type === "normalize") throw misplaced(position, `must not be another ${type}`);
  const erased = steps.at(-1)?.type === "randomErasing";
  if (erased || (position > end && type !== "randomErasing")) {
    throw misplaced(
      position,
      `must come before ${position > end ? "normalize" : "randomErasing"}, got ${type}`,
    );
  }
  if (type === "colorJitter" && steps.some((step) => step.type === type)) {
    throw misplaced(position, `must not be another ${type}`);
  }
  const random = isViews(transform) ? steps.some((step) => step.type !== "centerCrop") : views !== undefined;
  if (random) throw misplaced(position, "must not be together with several crops, which are for evaluation");
}

/** A batch's images have one size, so a resize to a shorter side that no crop follows can only mean both sides. */
function asExactWhereUncropped(
  sizing: ResizeSpec,
  steps: readonly Step[],
  views: ViewsStep | undefined,
): ResizeSpec {
  const { size } = sizing;
  if (typeof size !== "number" || views || sizeAfter(sizing, steps)) return sizing;
  return { ...sizing, size: { height: size, width: size } };
}

function inTensorUnits(transforms: readonly TransformSpec[], end: number, { mean, std }: NormalizeSpec): Rgb {
  const position = transforms.findIndex(({ type }) => type === "randomErasing");
  const erasing = transforms[position];
  if (erasing?.type !== "randomErasing") return [0, 0, 0];
  if (position > end) return erasing.value;
  const normalized = (channel: 0 | 1 | 2) => (erasing.value[channel] - mean[channel]) / std[channel];
  return [normalized(0), normalized(1), normalized(2)];
}

/**
 * The decoder takes the crops, as it need not make what they cut off; but the device does where decoded pixels then
 * stay the same in every epoch, and are no more than needed or will be kept.
 */
function countDecoderSteps(sizing: SizingStep | undefined, steps: readonly Step[], cached: boolean): number {
  const movable = steps.findIndex(({ type }) => type !== "centerCrop");
  if (movable < 0) return steps.length;
  const affine = steps.findIndex(({ type }) => type === "randomAffine");
  const warp = affine < 0 ? steps.length : affine;
  const size = sizeAfter(sizing, steps.slice(0, movable));
  const crops = steps.slice(movable, warp).filter(isCrop);
  const cheap = cached || crops.every((crop) => crop.size === undefined || covers(crop.size, size));
  // The device moves pixels once, unless it interpolates them anyway.
  if (size && cheap && (affine >= 0 || crops.length <= 1)) return movable;
  return 1 + steps.findLastIndex((step, index) => index < warp && isCrop(step));
}

function covers(crop: Size, image: Size | undefined): boolean {
  return image !== undefined && crop.height >= image.height && crop.width >= image.width;
}

/** The size of every image after `steps`, or undefined where it depends on the image. */
function sizeAfter(sizing: SizingStep | undefined, steps: readonly Step[]): Size | undefined {
  const first = typeof sizing?.size === "object" ? sizing.size : undefined;
  return steps.reduce((size, step) => (isCrop(step) ? (step.size ?? size) : size), first);
}

function checkSizes(transforms: readonly TransformSpec[]): void {
  let size: Size | undefined;
  for (const [position, transform] of transforms.entries()) {
    if (!("size" in transform) || typeof transform.size !== "object") continue;
    const padding = "padding" in transform ? 2 * transform.padding : 0;
    const mayPad = transform.type === "centerCrop" || isSizing(transform);
    const { height, width } = transform.size;
    if (size && !mayPad && (height > size.height + padding || width > size.width + padding)) {
      const text = `crops ${width} × ${height} pixels from images of ${size.width} × ${size.height}`;
      throw misplaced(position, text);
    }
    size = transform.size;
  }
}

function oneFill(steps: readonly Step[]): Rgb {
  const fills = steps.flatMap((step) => ("fill" in step ? [step.fill] : []));
  if (new Set(fills.map(String)).size <= 1) return fills[0] ?? [0, 0, 0];
  throw invalidArgument("transforms", "must have one fill colour");
}

function countViews(views: ViewsStep | undefined): number {
  if (!views) return 1;
  return views.type === "fiveCrop" ? 5 : 10;
}

function isCrop(step: Step): step is CenterCropSpec | RandomCropSpec {
  return step.type === "centerCrop" || step.type === "randomCrop";
}

function isExact(sizing: SizingStep | undefined): boolean {
  return sizing?.type === "resize" && typeof sizing.size === "object";
}

function isSizing(transform: TransformSpec): transform is SizingStep {
  return transform.type === "resize" || transform.type === "randomResizedCrop";
}

function isViews(transform: TransformSpec): transform is ViewsStep {
  return transform.type === "fiveCrop" || transform.type === "tenCrop";
}

function misplaced(position: number, problem: string): Error {
  return invalidArgument(`transforms[${Math.max(0, position)}]`, problem);
}
