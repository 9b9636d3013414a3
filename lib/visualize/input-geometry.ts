import { intersect, wholeOf, type Region, type Size } from "../image/geometry.js";
import type { Pipeline } from "../image/pipeline.js";
import type { SamplePlan } from "../image/plan.js";
import { invalidArgument } from "../errors.js";

/** A part of an upright image, whose edges are at −1 and 1. */
export interface Rectangle {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** How one view that a model gets of an image lies on the upright image, whose edges are at −1 and 1. */
export interface ViewPlacement {
  /** 2×3 by rows, as torch.nn.functional.affine_grid takes it: from places of the image to places of the view. */
  theta: readonly [number, number, number, number, number, number];
  /** What of the image the view shows. */
  seen: Rectangle;
}

/**
 * Inverts the geometry of a plan: resizing, cropping, mirroring, exactly as they were rounded.
 * @param image the size of the upright image
 * @throws McLossError ERR_ARGUMENT where the transforms turn or shear images
 */
export function placeViews(
  pipeline: Pipeline,
  { decode, augmentation }: SamplePlan,
  image: Size,
): ViewPlacement[] {
  if (pipeline.warped) {
    throw invalidArgument(
      "transforms",
      "must not have a randomAffine: what it does to an image is not inverted",
    );
  }
  const { region = wholeOf(image), resized = region, visible } = decode;
  const { input, output } = pipeline;
  return decode.windows.map((window, view) => {
    const flipped = pipeline.mirrored[view] !== augmentation.flipped;
    const shown: Region = {
      ...input,
      top: window.top + augmentation.top,
      left: window.left + augmentation.left,
    };
    const decoded: Region = { ...output, top: window.top, left: window.left };
    const visibleHere = intersect(intersect(visible, decoded), shown);
    const onImage = (part: Region) => scaleInto(part, region, resized);
    return {
      theta: thetaOf(onImage(shown), image, flipped),
      seen: normalise(intersect(onImage(visibleHere), region), image),
    };
  });
}

/** A part of the resized region, in the image's pixels. */
function scaleInto(part: Region, region: Region, resized: Size): Region {
  const down = region.height / resized.height;
  const across = region.width / resized.width;
  return {
    top: region.top + part.top * down,
    left: region.left + part.left * across,
    height: part.height * down,
    width: part.width * across,
  };
}

function thetaOf(view: Region, image: Size, flipped: boolean): ViewPlacement["theta"] {
  const across = axis(view.left, view.width, image.width);
  const down = axis(view.top, view.height, image.height);
  const sign = flipped ? -1 : 1;
  return [sign * across.scale, 0, sign * across.shift, 0, down.scale, down.shift];
}

/** From places of the whole, −1 to 1, to places of a part of it, −1 to 1. */
function axis(start: number, extent: number, whole: number): { scale: number; shift: number } {
  return { scale: whole / extent, shift: (whole - 2 * start - extent) / extent };
}

/** From pixels of the image. */
export function normalise({ left, top, width, height }: Region, image: Size): Rectangle {
  const across = (x: number) => (2 * x) / image.width - 1;
  const down = (y: number) => (2 * y) / image.height - 1;
  return { left: across(left), right: across(left + width), top: down(top), bottom: down(top + height) };
}
