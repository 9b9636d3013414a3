import { tooSmall } from "./image-problem.js";

/** In pixels. */
export interface Size {
  height: number;
  width: number;
}

/** A part of an image, in its pixels; it may reach beyond the image. */
export interface Region extends Size {
  top: number;
  left: number;
}

/** The nearest integer, halves to the even one, as Python's round(). */
export function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** The size of an image whose shorter side becomes `shorter` (torchvision Resize(int)). */
export function fitShorterSide({ height, width }: Size, shorter: number): Size {
  const longer = Math.max(1, Math.trunc((shorter * Math.max(height, width)) / Math.min(height, width)));
  return width <= height ? { height: longer, width: shorter } : { height: shorter, width: longer };
}

/** The middle of an image (torchvision CenterCrop); it reaches beyond an image that is smaller. */
export function centerOf(image: Size, { height, width }: Size): Region {
  const start = (whole: number, part: number) =>
    part > whole ? -Math.floor((part - whole) / 2) : roundHalfToEven((whole - part) / 2);
  return { top: start(image.height, height), left: start(image.width, width), height, width };
}

/**
 * The parts of a size at an image's corners (top left, top right, bottom left, bottom right) and in its middle.
 * @throws McLossError ERR_IMAGE where the image is smaller
 */
export function cornersAndMiddle(image: Size, size: Size): Region[] {
  const down = image.height - size.height;
  const across = image.width - size.width;
  if (down < 0 || across < 0)
    throw tooSmall(`is smaller than the crops (${size.width} × ${size.height})`, image);
  return [
    { ...size, top: 0, left: 0 },
    { ...size, top: 0, left: across },
    { ...size, top: down, left: 0 },
    { ...size, top: down, left: across },
    centerOf(image, size),
  ];
}

/** What two regions share; empty ones have a height or width of 0. */
export function intersect(a: Region, b: Region): Region {
  const top = Math.max(a.top, b.top);
  const left = Math.max(a.left, b.left);
  const height = Math.max(0, Math.min(a.top + a.height, b.top + b.height) - top);
  const width = Math.max(0, Math.min(a.left + a.width, b.left + b.width) - left);
  return { top, left, height, width };
}

/** All of an image. */
export function wholeOf({ height, width }: Size): Region {
  return { top: 0, left: 0, height, width };
}

export function isSameRegion(a: Region, b: Region): boolean {
  return a.top === b.top && a.left === b.left && a.height === b.height && a.width === b.width;
}

/** What is seen of an image: a part of it, then mirrored or not. */
export interface View {
  /** In the image's pixels; it may reach beyond it. */
  window: Region;
  /** What the window may show of the image: earlier crops cut off the rest. */
  visible: Region;
  flipped: boolean;
}

export function viewOf(image: Size): View {
  return { window: wholeOf(image), visible: wholeOf(image), flipped: false };
}

/** `part`, in the view's own pixels. */
export function cropView({ window, visible, flipped }: View, part: Region): View {
  const left = flipped ? window.width - part.left - part.width : part.left;
  return {
    window: { ...part, top: window.top + part.top, left: window.left + left },
    visible: intersect(visible, window),
    flipped,
  };
}
