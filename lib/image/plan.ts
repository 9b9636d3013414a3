import { McLossError } from "../errors.js";
import {
  compose,
  cropMatrix,
  IDENTITY,
  MIRROR,
  SAME_COLORS,
  thenColor,
  type Augmentation,
  type Matrix,
} from "./augmentation.js";
import type { DecodePlan } from "./decode.js";
import type { EncodedImage } from "./encoded-image.js";
import { cropView, viewOf, wholeOf, type Region, type Size, type View } from "./geometry.js";
import { tooSmall } from "./image-problem.js";
import type { ImageHeader } from "./inspect-image.js";
import type { Pipeline, Step, Views } from "./pipeline.js";
import { cropEdit, type PixelEdit } from "./pixel-edits.js";
import type { Random } from "./random.js";
import type { Rgb } from "./transform-options.js";

/** One sample's way from its file to its place in a batch: everything random about it is decided. */
export interface SamplePlan {
  /** What the decoder does. */
  decode: DecodePlan;
  /** What is then made of its 8-bit pixels. */
  edits: readonly PixelEdit[];
  /** What the device does. */
  augmentation: Augmentation;
}

/** What is cut off an image before anything else, in pixels; of FGVC-Aircraft a banner of 20 rows, for example. */
export interface Trim {
  bottom: number;
}

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
  const { steps, decoderSteps, editedSteps, views, fixed, fill, interpolation } = pipeline;
  const image = header && { height: header.height, width: header.width };
  const { view, region, resized } = drawScaling(pipeline, random, header, trim);
  const decoded = drawSteps(steps.slice(0, decoderSteps), random, beginWith(view));
  const { window, visible, flipped } = decoded.view;
  const windows = views ? cropViews(views, decoded.view) : [window];
  const edited = drawEdits(steps.slice(decoderSteps, editedSteps), random, { size: window, flipped, fill });
  const begun = beginWith({ ...viewOf(edited.size), flipped: edited.flipped });
  // Colours are the device's whatever comes before.
  const { color: mixed, contrast: scaled } = decoded;
  const device = drawSteps(steps.slice(editedSteps), random, { ...begun, color: mixed, contrast: scaled });
  const { theta, color, contrast, erased } = device;
  const { top, left } = device.view.window;
  return {
    decode: { fixed, image, region, resized, interpolation, windows, visible, fill },
    edits: edited.edits,
    augmentation: { top, left, flipped: device.view.flipped, theta, color, contrast, erased },
  };
}

interface Scaling {
  /** The part of the image, in its own pixels, that is resized. Absent: all of it. */
  region?: Region | undefined;
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
  const { scaling } = pipeline;
  if (!header) {
    const size = scaling?.definition.sizeOfAll(scaling.options);
    if (!size) throw new TypeError("the pipeline needs the image's header");
    return { resized: size, view: viewOf(size) };
  }
  const image = { width: header.width, height: header.height - trim.bottom };
  if (image.height < 1) throw tooSmall(`is no higher than the ${trim.bottom} rows to cut off`, header);
  const rest = trim.bottom > 0 ? wholeOf(image) : undefined;
  if (!scaling) return { region: rest, view: viewOf(image) };
  const { region = rest, size } = scaling.definition.scale(scaling.options, image, random);
  return { region, resized: size, view: viewOf(size) };
}

interface Drawn {
  view: View;
  theta: Matrix;
  color: readonly number[];
  contrast: number;
  erased: Region | undefined;
}

/** A view to which nothing was done but, perhaps, mirroring. */
function beginWith(view: View): Drawn {
  const theta = view.flipped ? MIRROR : IDENTITY;
  return { view, theta, color: SAME_COLORS, contrast: 1, erased: undefined };
}

function drawSteps(steps: readonly Step[], random: Random, begun: Drawn): Drawn {
  return steps.reduce((drawn, step) => drawStep(step, random, drawn), begun);
}

const MIRRORED: PixelEdit = ["flipHorizontal"];

interface Editing {
  /** Of the image so far. */
  size: Size;
  /** Whether it is still to be mirrored. */
  flipped: boolean;
  edits: readonly PixelEdit[];
}

/** What is made of 8-bit pixels, in order: mirroring, which the device does where nothing else is, and crops too. */
function drawEdits(
  steps: readonly Step[],
  random: Random,
  { size: { height, width }, flipped, fill }: { size: Size; flipped: boolean; fill: Rgb },
): Editing {
  const begun: Editing = { size: { height, width }, flipped, edits: [] };
  if (steps.length === 0) return begun;
  let edits: readonly PixelEdit[] = flipped ? [MIRRORED] : [];
  let { size } = begun;
  for (const { definition, options } of steps) {
    const { crop, mirror, edits: own = [] } = definition.draw(options, random, size);
    if (crop) size = { height: crop.height, width: crop.width };
    const moved = [...(crop ? [cropEdit(crop, fill)] : []), ...(mirror ? [MIRRORED] : [])];
    edits = [...edits, ...moved, ...own];
  }
  return { size, flipped: false, edits };
}

/** Geometry is followed both as a view, which is exact, and as a matrix, which can also turn and scale. */
function drawStep({ definition, options }: Step, random: Random, drawn: Drawn): Drawn {
  const size = drawn.view.window;
  const { crop, mirror, matrix, color, contrast = 1, erased } = definition.draw(options, random, size);
  let { view, theta } = drawn;
  if (crop) [view, theta] = [cropView(view, crop), compose(theta, cropMatrix(size, crop))];
  if (mirror) [view, theta] = [{ ...view, flipped: !view.flipped }, compose(theta, MIRROR)];
  if (matrix) theta = compose(theta, matrix);
  return {
    view,
    theta,
    color: color ? thenColor(drawn.color, color) : drawn.color,
    contrast: drawn.contrast * contrast,
    erased: erased ?? drawn.erased,
  };
}

/** The decoder's windows of several views. */
function cropViews({ definition, options }: Views, view: View): Region[] {
  return definition.parts(options, view.window).map((part, index) => {
    const flipped = definition.mirrored[index] ?? false;
    return cropView({ ...view, flipped }, part).window;
  });
}
