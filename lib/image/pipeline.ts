import { z } from "zod";
import { invalidArgument } from "../errors.js";
import { parse } from "../schema.js";
import type { Size } from "./geometry.js";
import { chooseLimits, TRAINING_LIMITS, type ImageLimitOptions, type ImageLimits } from "./limits.js";
import type {
  Change,
  ScalingDefinition,
  StepDefinition,
  TransformDefinition,
  ViewsDefinition,
} from "./transform.js";
import type { Interpolation, Rgb } from "./transform-options.js";
import {
  transformList,
  transforms as registry,
  type FilledTransform,
  type NormalizeSpec,
  type TransformSpec,
} from "./transforms.js";

/** A transform's definition, with the options that its functions take. */
interface Placed<Definition = TransformDefinition> {
  readonly definition: Definition;
  readonly options: Readonly<Record<string, unknown>>;
}

export type Scaling = Placed<ScalingDefinition>;
export type Step = Placed<StepDefinition>;
export type Views = Placed<ViewsDefinition>;

/**
 * A list of transforms, checked and divided between the decoder, which makes 8-bit pixels, what edits these into a batch's
 * buffer, and the device, which makes the batch's tensor of them.
 */
export interface Pipeline {
  /** How images come to their first size. Absent: they keep their own. */
  scaling: Scaling | undefined;
  interpolation: Interpolation;
  /**
   * In order. The decoder does the geometric ones among the first `decoderSteps`; from then on to `editedSteps` the decoded
   * pixels are edited.
   */
  steps: readonly Step[];
  decoderSteps: number;
  editedSteps: number;
  /** Several views of each image, for evaluation. */
  views: Views | undefined;
  /** For each view whether it is of the mirror image; where there is one view it is not. */
  mirrored: readonly boolean[];
  /** How many. */
  viewCount: number;
  /** Whether an image's own size must be known before its plan is drawn. */
  needsSize: boolean;
  /** Whether an image is decoded to the same pixels in every epoch. */
  fixed: boolean;
  /** Whether the device interpolates pixels rather than moving them as they are. */
  warped: boolean;
  colored: boolean;
  erasing: boolean;
  /** Of one view as it is decoded. */
  decoded: Size;
  /** What a sample takes then. */
  decodedBytes: number;
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
  const { scaling, steps, views, normalize, erased } = takeApart(checked);
  const firstEdit = steps.findIndex(changes("edits"));
  const unedited = firstEdit < 0 ? steps : steps.slice(0, firstEdit);
  const decoderSteps = views ? steps.length : countDecoderSteps(scaling, unedited, cached);
  const editedSteps = Math.max(decoderSteps, 1 + steps.findLastIndex(changes("edits")));
  const decoding = steps.slice(0, decoderSteps);
  const sizeAt = (end: number) => (views ? sizeOf(views) : sizeAfter(scaling, steps.slice(0, end)));
  const [decoded, output, input] = [sizeAt(decoderSteps), sizeAt(editedSteps), sizeAt(steps.length)];
  if (!decoded || !output || !input) {
    const text = "must give images of one size: put a crop before what turns, scales or edits them";
    throw invalidArgument("transforms", text);
  }
  const mirrored = views?.definition.mirrored ?? [false];
  const isRandom = scaling?.definition.random ?? false;
  const isCropped = decoding.some(changes("crop")) || views !== undefined;
  return {
    scaling,
    interpolation: (scaling?.options["interpolation"] as Interpolation | undefined) ?? "bilinear",
    steps,
    decoderSteps,
    editedSteps,
    views,
    mirrored,
    viewCount: mirrored.length,
    needsSize: isRandom || isCropped || sizeAfter(scaling, []) === undefined,
    fixed: !isRandom && decoding.every(isFixed),
    warped: steps.some(changes("matrix")),
    colored: steps.some(changes("color")),
    erasing: steps.some(changes("erased")),
    decoded,
    decodedBytes: mirrored.length * decoded.height * decoded.width * 3,
    output,
    sampleBytes: mirrored.length * output.height * output.width * 3,
    input,
    fill: oneFill(steps),
    normalize,
    erased,
    limits: chooseLimits(limits, TRAINING_LIMITS),
  };
}

interface Parts {
  scaling: Scaling | undefined;
  steps: readonly Step[];
  views: Views | undefined;
  normalize: NormalizeSpec;
  erased: Rgb;
}

function takeApart(transforms: readonly FilledTransform[]): Parts {
  const placed = transforms.map(({ type, ...options }): Placed => ({
    definition: registry.get(type),
    options,
  }));
  const end = placed.findLastIndex(({ definition }) => definition.stage === "normalize");
  const normalize = transforms[end];
  const first = placed[0];
  if (first?.options["size"] === undefined) throw misplaced(0, "must be a resize or a crop to a size");
  if (normalize?.type !== "normalize") throw misplaced(transforms.length - 1, "must be a normalize");
  const scaling = isScaling(first) ? first : undefined;
  const steps: Step[] = [];
  let views: Views | undefined;
  for (const [position, transform] of placed.entries()) {
    if (transform === scaling || position === end) continue;
    checkPlace(transform, position, { end, steps, views });
    if (isViews(transform)) views = transform;
    if (isStep(transform)) steps.push(transform);
  }
  checkSizes(placed);
  return {
    scaling: scaling && asExactWhereUncropped(scaling, steps, views),
    steps,
    views,
    normalize,
    erased: inTensorUnits(placed, end, normalize),
  };
}

function checkPlace(
  transform: Placed,
  position: number,
  before: { end: number; steps: readonly Step[]; views: Views | undefined },
): void {
  const { end, steps, views } = before;
  const { name } = transform.definition;
  const step = isStep(transform) ? transform : undefined;
  if (!step && !isViews(transform)) throw misplaced(position, `must not be another ${name}`);
  const erasing = steps.find(changes("erased"));
  if (erasing) throw misplaced(position, `must come before ${erasing.definition.name}, got ${name}`);
  if (position > end && !(step && changes("erased")(step))) {
    throw misplaced(position, `must come before normalize, got ${name}`);
  }
  // The device comes after what is made of 8-bit pixels.
  const later =
    step && changes("edits")(step) ? steps.find(changes("matrix", "color", "contrast")) : undefined;
  if (later) throw misplaced(position, `must come before ${later.definition.name}, got ${name}`);
  // It is about the grey of the image as it was.
  const contrast = step && changes("contrast")(step) ? steps.find(changes("contrast")) : undefined;
  if (contrast) throw misplaced(position, `must not be another ${contrast.definition.name}`);
  const random = step ? views !== undefined : !steps.every(isFixed);
  if (random) throw misplaced(position, "must not be together with several crops, which are for evaluation");
}

/** A batch's images have one size, so a resize to a shorter side that no crop follows can only mean both sides. */
function asExactWhereUncropped(scaling: Scaling, steps: readonly Step[], views: Views | undefined): Scaling {
  if (views || sizeAfter(scaling, steps)) return scaling;
  return { ...scaling, options: scaling.definition.uncropped(scaling.options) };
}

function inTensorUnits(transforms: readonly Placed[], end: number, { mean, std }: NormalizeSpec): Rgb {
  const position = transforms.findIndex((each) => isStep(each) && changes("erased")(each));
  const erasing = transforms[position];
  if (!erasing || !isStep(erasing)) return [0, 0, 0];
  const value = erasing.definition.erasedColor?.(erasing.options) ?? [0, 0, 0];
  if (position > end) return value;
  const normalized = (channel: 0 | 1 | 2) => (value[channel] - mean[channel]) / std[channel];
  return [normalized(0), normalized(1), normalized(2)];
}

/**
 * The decoder takes the crops, as it need not make what they cut off; but the device does where decoded pixels then
 * stay the same in every epoch, and are no more than needed or will be kept.
 */
function countDecoderSteps(scaling: Scaling | undefined, steps: readonly Step[], cached: boolean): number {
  const movable = steps.findIndex((step) => !isFixed(step));
  if (movable < 0) return steps.length;
  const matrix = steps.findIndex(changes("matrix"));
  const warp = matrix < 0 ? steps.length : matrix;
  const size = sizeAfter(scaling, steps.slice(0, movable));
  const crops = steps.slice(movable, warp).filter(changes("crop"));
  const cheap = cached || crops.every((crop) => covers(sizeOf(crop), size));
  // The device moves pixels once, unless it interpolates them anyway.
  if (size && cheap && (matrix >= 0 || crops.length <= 1)) return movable;
  return 1 + steps.findLastIndex((step, index) => index < warp && changes("crop")(step));
}

/** Whether a crop, undefined where it has the image's size, is no smaller. */
function covers(crop: Size | undefined, image: Size | undefined): boolean {
  return (
    crop === undefined || (image !== undefined && crop.height >= image.height && crop.width >= image.width)
  );
}

/** The size of every image after `steps`, or undefined where it depends on the image. */
function sizeAfter(scaling: Scaling | undefined, steps: readonly Step[]): Size | undefined {
  const first = scaling?.definition.sizeOfAll(scaling.options);
  return steps.filter(changes("crop")).reduce((size, crop) => sizeOf(crop) ?? size, first);
}

/** Crops are from images that are no smaller, with their margins. */
function checkSizes(transforms: readonly Placed[]): void {
  let image: Size | undefined;
  for (const [position, transform] of transforms.entries()) {
    const size = sizeOf(transform);
    if (!size) continue;
    const margin = isStep(transform) ? (transform.definition.margin?.(transform.options) ?? 0) : 0;
    const { height, width } = size;
    if (image && (height > image.height + 2 * margin || width > image.width + 2 * margin)) {
      const text = `crops ${width} × ${height} pixels from images of ${image.width} × ${image.height}`;
      throw misplaced(position, text);
    }
    image = size;
  }
}

function oneFill(steps: readonly Step[]): Rgb {
  const fills = steps
    .filter((step) => !changes("edits")(step))
    .map(({ options }) => options["fill"] as Rgb | undefined)
    .filter((fill) => fill !== undefined);
  if (new Set(fills.map(String)).size <= 1) return fills[0] ?? [0, 0, 0];
  throw invalidArgument("transforms", "must have one fill colour");
}

/** The size that a transform gives or crops to, where it has one. */
function sizeOf({ options: { size } }: Placed): Size | undefined {
  return typeof size === "object" ? (size as Size) : undefined;
}

function changes(...what: readonly (keyof Change)[]): (step: Step) => boolean {
  return ({ definition }) => what.some((one) => definition.changes.includes(one));
}

/** Whether a step gives the same pixels of an image each time. */
function isFixed({ definition }: Step): boolean {
  return definition.fixed ?? false;
}

function isScaling(transform: Placed): transform is Scaling {
  return transform.definition.stage === "scaling";
}

function isStep(transform: Placed): transform is Step {
  return transform.definition.stage === "step";
}

function isViews(transform: Placed): transform is Views {
  return transform.definition.stage === "views";
}

function misplaced(position: number, problem: string): Error {
  return invalidArgument(`transforms[${Math.max(0, position)}]`, problem);
}
