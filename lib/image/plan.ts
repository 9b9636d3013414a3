import { McLossError } from "../errors.js";
import {
  compose,
  cropMatrix,
  drawAffine,
  drawColor,
  IDENTITY,
  MIRROR,
  type Augmentation,
  type Matrix,
} from "./augment.js";
import type { DecodePlan } from "./decode.js";
import type { EncodedImage } from "./encoded-image.js";
import {
  centerOf,
  cropView,
  fitShorterSide,
  roundHalfToEven,
  viewOf,
  wholeOf,
  type Region,
  type Size,
  type View,
} from "./geometry.js";
import type { ImageHeader } from "./inspect-image.js";
import type { Pipeline, Step, ViewsStep } from "./pipeline.js";
import type { Random } from "./random.js";
import type { RandomCropSpec, RandomErasingSpec, RandomResizedCropSpec } from "./transforms.js";

/** One sample's way from its file to its place in a batch: everything random about it is decided. */
export interface SamplePlan {
  /** What the decoder does. */
  decode: DecodePlan;
  /** What the device does. */
  augmentation: Augmentation;
}

/** What is cut off an image before anything else, in pixels; of FGVC-Aircraft a banner of 20 rows, for example. */
export interface Trim {
  bottom: number;
}

// From this factor on sharp lets the JPEG decoder make a smaller image.
const SHRINK_ON_LOAD = 3;
// As torchvision's get_params().
const ATTEMPTS = 10;

/**
 * Draws one sample's plan. The image's header is read where its size matters; otherwise nothing is read.
 * @throws McLossError ERR_IMAGE where the header cannot be read, or the image is smaller than a crop of it
 */
export async function planSample(
  pipeline: Pipeline,
  random: Random,
  image: EncodedImage,
  trim: Trim = { bottom: 0 },
): Promise<SamplePlan> {
  if (!pipeline.needsSize && trim.bottom === 0) return drawSample(pipeline, random);
  const header = await image.header();
  try {
    return drawSample(pipeline, random, header, trim);
  } catch (cause) {
    if (image.name === undefined || !(cause instanceof McLossError)) throw cause;
    throw new McLossError("ERR_IMAGE", `${image.name}: ${cause.message}`, { path: image.name, cause });
  }
}

/** As {@link planSample}, of an image whose header, where the pipeline or `trim` needs it, is given. */
export function drawSample(
  pipeline: Pipeline,
  random: Random,
  header?: ImageHeader,
  trim: Trim = { bottom: 0 },
): SamplePlan {
  const { steps, decoderSteps, views, fixed, fill } = pipeline;
  const image = header && { height: header.height, width: header.width };
  const { view, region, source, resized } = drawScaling(pipeline, random, header, trim);
  const decoded = drawSteps(steps.slice(0, decoderSteps), random, view).view;
  const { window, visible, flipped } = decoded;
  const windows = views ? cropViews(views, decoded) : [window];
  const interpolation = pipeline.sizing?.interpolation ?? "bilinear";
  const device = drawSteps(steps.slice(decoderSteps), random, { ...viewOf(window), flipped });
  const { theta, color, contrast, erased } = device;
  const { top, left } = device.view.window;
  return {
    decode: { fixed, image, region, source, resized, interpolation, windows, visible, fill },
    augmentation: { top, left, flipped: device.view.flipped, theta, color, contrast, erased },
  };
}

interface Scaling {
  /** The part of the image, in its own pixels, that is resized. Absent: all of it. */
  region?: Region;
  /** The size of that, where it is known. */
  source?: Size;
  /** Absent: pixels are taken as they are. */
  resized?: Size;
  view: View;
}

function drawScaling(
  pipeline: Pipeline,
  random: Random,
  header: ImageHeader | undefined,
  trim: Trim,
): Scaling {
  const { sizing } = pipeline;
  if (!header) {
    if (typeof sizing?.size !== "object") throw new TypeError("the pipeline needs the image's header");
    return { resized: sizing.size, view: viewOf(sizing.size) };
  }
  const image = { width: header.width, height: header.height - trim.bottom };
  if (image.height < 1) throw tooSmall(`is no higher than the ${trim.bottom} rows to cut off`, header);
  if (sizing?.type === "randomResizedCrop") {
    return scaleRegion(drawRegion(sizing, random, image), sizing.size, header);
  }
  if (!sizing)
    return { ...(trim.bottom > 0 ? { region: wholeOf(image) } : {}), source: image, view: viewOf(image) };
  const size = typeof sizing.size === "number" ? fitShorterSide(image, sizing.size) : sizing.size;
  if (trim.bottom > 0) return scaleRegion(wholeOf(image), size, header);
  return { source: image, resized: size, view: viewOf(size) };
}

/**
 * A JPEG's decoder can make a smaller image, but only of the whole: a region that is much larger than needed is cut
 * out after the whole was scaled, where it lies at most half an output pixel beside.
 */
function scaleRegion(region: Region, size: Size, { format, height, width }: ImageHeader): Scaling {
  const factor = Math.min(region.height / size.height, region.width / size.width);
  if (format !== "jpeg" || factor < SHRINK_ON_LOAD) {
    return { region, source: region, resized: size, view: viewOf(size) };
  }
  const scale = (whole: number, start: number, part: number, wanted: number) => {
    const scaled = Math.max(wanted, Math.round((whole * wanted) / part));
    return { scaled, start: Math.min(Math.round((start * scaled) / whole), scaled - wanted) };
  };
  const down = scale(height, region.top, region.height, size.height);
  const across = scale(width, region.left, region.width, size.width);
  const window = { ...size, top: down.start, left: across.start };
  return {
    source: { height, width },
    resized: { height: down.scaled, width: across.scaled },
    view: { window, visible: window, flipped: false },
  };
}

interface Drawn {
  view: View;
  theta: Matrix;
  color: readonly number[];
  contrast: number;
  erased: Region | undefined;
}

/** Geometry is followed both as a view, which is exact, and as a matrix, which can also turn and scale. */
function drawSteps(steps: readonly Step[], random: Random, view: View): Drawn {
  let drawn: Drawn = {
    view,
    theta: view.flipped ? MIRROR : IDENTITY,
    color: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    contrast: 1,
    erased: undefined,
  };
  for (const step of steps) drawn = { ...drawn, ...drawStep(step, random, drawn) };
  return drawn;
}

function drawStep(step: Step, random: Random, { view, theta }: Drawn): Partial<Drawn> {
  const size = view.window;
  switch (step.type) {
    case "colorJitter":
      return drawColor(step, random);
    case "randomErasing":
      return { erased: drawErased(step, random, size) };
    case "randomAffine":
      return { theta: compose(theta, drawAffine(step, random, size)) };
    case "randomHorizontalFlip":
      if (random.uniform(0, 1) >= step.probability) return {};
      return { view: { ...view, flipped: !view.flipped }, theta: compose(theta, MIRROR) };
    default: {
      const part = step.type === "centerCrop" ? centerOf(size, step.size) : drawCrop(step, random, size);
      return { view: cropView(view, part), theta: compose(theta, cropMatrix(size, part)) };
    }
  }
}

/** As torchvision's RandomCrop.get_params(). */
function drawCrop({ size, padding }: RandomCropSpec, random: Random, image: Size): Region {
  const { height, width } = size ?? image;
  const [down, across] = [image.height + padding - height, image.width + padding - width];
  if (down < -padding || across < -padding)
    throw tooSmall(`is smaller than the crop (${width} × ${height})`, image);
  const left = random.integer(-padding, across);
  return { left, top: random.integer(-padding, down), height, width };
}

/** As torchvision's RandomResizedCrop.get_params(). */
function drawRegion({ scale, ratio }: RandomResizedCropSpec, random: Random, image: Size): Region {
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

/** As torchvision's RandomErasing.get_params(). */
function drawErased(step: RandomErasingSpec, random: Random, image: Size): Region | undefined {
  if (random.uniform(0, 1) >= step.probability) return undefined;
  const logs = [Math.log(step.ratio[0]), Math.log(step.ratio[1])] as const;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const target = image.height * image.width * random.uniform(step.scale[0], step.scale[1]);
    const aspect = Math.exp(random.uniform(logs[0], logs[1]));
    const height = roundHalfToEven(Math.sqrt(target * aspect));
    const width = roundHalfToEven(Math.sqrt(target / aspect));
    if (height >= image.height || width >= image.width) continue;
    const top = random.integer(0, image.height - height);
    return { top, left: random.integer(0, image.width - width), height, width };
  }
  return undefined;
}

/** The decoder's windows of several views: of the image, then of its mirror image. */
function cropViews({ type, size }: ViewsStep, view: View): Region[] {
  const { height, width } = view.window;
  const down = height - size.height;
  const across = width - size.width;
  if (down < 0 || across < 0)
    throw tooSmall(`is smaller than the crops (${size.width} × ${size.height})`, view.window);
  const parts: Region[] = [
    { ...size, top: 0, left: 0 },
    { ...size, top: 0, left: across },
    { ...size, top: down, left: 0 },
    { ...size, top: down, left: across },
    centerOf(view.window, size),
  ];
  const crops = (whole: View) => parts.map((part) => cropView(whole, part).window);
  return type === "fiveCrop" ? crops(view) : [...crops(view), ...crops({ ...view, flipped: true })];
}

function tooSmall(problem: string, { height, width }: Size): McLossError {
  const text = `the image (${width} × ${height} pixels) ${problem}: resize it first, or skip it ({ onBadImage: "skip" })`;
  return new McLossError("ERR_IMAGE", text);
}
