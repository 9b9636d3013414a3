import type { Sharp, SharpInput, SharpOptions } from "sharp";
import { McLossError } from "../errors.js";
import { native } from "../native/binding.js";
import { reasonOf } from "../system-error.js";
import { enlarge, type Pixels } from "./enlarge.js";
import { intersect, isSameRegion, wholeOf, type Region, type Size } from "./geometry.js";
import { readJpegHeader } from "./jpeg-header.js";
import { readEncoded } from "./read-encoded.js";
import type { Interpolation, Rgb } from "./transforms.js";

/** An encoded image: its file, its bytes, or what fetches them. */
export type ImageSource = string | Uint8Array | (() => Promise<Uint8Array>);

/** What the decoder makes of an image, upright as its EXIF orientation says. */
export interface DecodePlan {
  /** Whether it is the same in every epoch, so that the pixels may be kept. */
  fixed: boolean;
  /** The part that is resized, in the image's pixels. Absent: all of it. */
  region: Region | undefined;
  /** The size of the region, or the image. Absent where it is not known, and all of the resized image is wanted. */
  source: Size | undefined;
  /** The size that it is resized to. Absent: pixels are taken as they are. */
  resized: Size | undefined;
  interpolation: Interpolation;
  /** The parts of the resized image that are wanted, all of one size; they may reach beyond it. */
  windows: readonly Region[];
  /** What they show of it. */
  visible: Region;
  /** Colour of the rest, 0 to 255. */
  fill: Rgb;
  /** Images of more pixels are refused. */
  limitInputPixels: number;
}

export interface ImageHeader extends Size {
  /** "jpeg", "png", … */
  format: string;
  /** EXIF orientation of the stored pixels, 1 to 8; height and width are those of the upright image. */
  orientation: number;
}

const KERNELS = { nearest: "nearest", bilinear: "linear", bicubic: "cubic", lanczos: "lanczos3" } as const;

const NO_PIXELS = { height: 0, width: 0, orientation: 1 };

type OpenSharp = (input: SharpInput, options: SharpOptions) => Sharp;

let opened: Promise<OpenSharp> | undefined;

/** sharp, loaded at the first image: who only wants the loss does not pay for it. */
function loadSharp(): Promise<OpenSharp> {
  opened ??= import("sharp").then(({ default: sharp }) => {
    // Many small images: parallel across images on libuv's pool, one thread within each.
    sharp.concurrency(1);
    // Pixels are cached by the loader, as they are after resizing.
    sharp.cache(false);
    return sharp;
  });
  return opened;
}

/** From bytes: given a path, libvips opens the file once for every format it knows. */
async function openImage(bytes: Uint8Array, limitInputPixels: number): Promise<Sharp> {
  const sharp = await loadSharp();
  return sharp(bytes, { failOn: "error", limitInputPixels }).autoOrient();
}

/**
 * The size of an image when it is upright, and its format; only the file's header is read.
 * @throws McLossError ERR_IMAGE naming the file
 */
export async function readHeader(source: ImageSource, limitInputPixels: number): Promise<ImageHeader> {
  return inImage(source, async () => {
    const bytes = await readEncoded(source);
    const { height, width, orientation } = readJpegHeader(bytes) ?? NO_PIXELS;
    if (height * width > 0 && height * width <= limitInputPixels) {
      const upright = orientation < 5 ? { height, width } : { height: width, width: height };
      return { format: "jpeg", orientation, ...upright };
    }
    const image = await openImage(bytes, limitInputPixels);
    const { autoOrient, format, orientation: stored = 1 } = await image.metadata();
    return { height: autoOrient.height, width: autoOrient.width, format, orientation: stored };
  });
}

/**
 * Decodes an image to 8-bit sRGB, row by row, 3 bytes a pixel, into `target`: each of the plan's windows after the
 * other. Transparency is laid on white, and of an animation the first frame is taken.
 * @throws McLossError ERR_IMAGE naming the file
 */
export async function decodeSample(source: ImageSource, plan: DecodePlan, target: Uint8Array): Promise<void> {
  const { windows, visible } = plan;
  const [window = visible] = windows;
  const bytes = window.height * window.width * 3;
  if (target.length !== windows.length * bytes) {
    throw new RangeError(`target must hold ${windows.length * bytes} bytes, got ${target.length}`);
  }
  const seen = windows.length === 1 ? intersect(window, visible) : visible;
  const pixels = await inImage(source, async () => {
    const encoded = await readEncoded(source);
    const direct = windows.length === 1 && isSameRegion(seen, window) ? target : undefined;
    return (await decodePlainJpeg(encoded, plan, seen, direct)) ?? decodeRegion(encoded, plan, seen);
  });
  if (pixels.data === target) return;
  windows.forEach((wanted, index) => {
    place(pixels, seen, wanted, plan.fill, target.subarray(index * bytes, (index + 1) * bytes));
  });
}

/**
 * The pixels of `seen`, by libjpeg: libvips takes several times as long for images of this size. Into `target` where
 * it is given. Undefined where sharp has to look at the image: it is no plain, intact JPEG.
 */
async function decodePlainJpeg(
  bytes: Uint8Array,
  plan: DecodePlan,
  seen: Region,
  target: Uint8Array | undefined,
): Promise<Pixels | undefined> {
  const { region, resized, interpolation, limitInputPixels } = plan;
  if (interpolation === "nearest" || seen.height < 1 || seen.width < 1) return undefined;
  if (!native().hasJpegDecoder() || readJpegHeader(bytes)?.orientation !== 1) return undefined;
  const data = target ?? new Uint8Array(seen.height * seen.width * 3);
  const options = { region, resized, window: seen, interpolation, limitInputPixels };
  if (!(await native().decodeJpeg(bytes, options, data))) return undefined;
  return { data, height: seen.height, width: seen.width };
}

/** The pixels of `seen`, a part of the resized image, at the beginning of an image that may be larger. */
async function decodeRegion(bytes: Uint8Array, plan: DecodePlan, seen: Region): Promise<Pixels> {
  const { region, resized, interpolation } = plan;
  const image = await openImage(bytes, plan.limitInputPixels);
  if (region) image.extract(region);
  if (resized) {
    const kernel = KERNELS[interpolation];
    image.resize({ ...resized, fit: "fill", kernel, withoutEnlargement: true });
  }
  const enlarged = resized && plan.source && isEnlarged(plan.source, resized);
  if (plan.source && !enlarged && !isSameRegion(seen, wholeOf(resized ?? plan.source))) image.extract(seen);
  const pixels = await readPixels(image);
  if (!resized || !(enlarged ?? isEnlarged(pixels, resized))) return pixels;
  const sharp = await loadSharp();
  return enlarge(pixels, resized, seen, interpolation, ({ data, height, width }) =>
    sharp(data, { raw: { height, width, channels: 3 } }),
  );
}

function isEnlarged(image: Size, resized: Size): boolean {
  return image.height < resized.height || image.width < resized.width;
}

async function readPixels(image: Sharp): Promise<Pixels> {
  const { data, info } = await image
    .flatten({ background: "#fff" })
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`decoded to ${info.channels} channels`);
  return { data, height: info.height, width: info.width };
}

/** Writes what `wanted` shows of `image`, which begins where `seen` does, and `fill` elsewhere. */
function place(image: Pixels, seen: Region, wanted: Region, fill: Rgb, target: Uint8Array): void {
  const { data, width } = image;
  if (isSameRegion(seen, wanted) && width === wanted.width) {
    return target.set(data.subarray(0, target.length));
  }
  const shown = intersect(seen, wanted);
  if (!isSameRegion(shown, wanted)) target.forEach((_, at) => (target[at] = fill[at % 3] ?? 0));
  for (let row = shown.top; row < shown.top + shown.height; row += 1) {
    const from = ((row - seen.top) * width + shown.left - seen.left) * 3;
    const to = ((row - wanted.top) * wanted.width + shown.left - wanted.left) * 3;
    target.set(data.subarray(from, from + shown.width * 3), to);
  }
}

async function inImage<T>(source: ImageSource, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw imageError(typeof source === "string" ? source : undefined, cause);
  }
}

/** What is said of an image that cannot be read, and that may be skipped. */
export function imageError(path: string | undefined, cause: unknown): McLossError {
  const name = path === undefined ? "an image" : `the image ${path}`;
  const text = `cannot decode ${name} (${reasonOf(cause)}): export it again or remove it, or skip bad images`;
  return new McLossError("ERR_IMAGE", text, { ...(path === undefined ? {} : { path }), cause });
}
