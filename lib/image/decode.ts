import type { Sharp } from "sharp";
import { McLossError } from "../errors.js";
import { native } from "../native/binding.js";
import { reasonOf } from "../system-error.js";
import { decodeBudget } from "./decode-memory.js";
import { enlarge, type Pixels } from "./enlarge.js";
import { intersect, isSameRegion, wholeOf, type Region, type Size } from "./geometry.js";
import type { ImageLimits } from "./limits.js";
import { ImageProblem } from "./problem.js";
import {
  inspectImage,
  loadSharp,
  type DamagePolicy,
  type ImageHeader,
  type InspectedImage,
} from "./open-image.js";
import { readEncoded } from "./read-encoded.js";
import type { Interpolation, Rgb } from "./transforms.js";

/** An encoded image: its file, its bytes, or what fetches them. */
export type ImageSource = string | Uint8Array | (() => Promise<Uint8Array>);

/** What the decoder makes of an image, upright as its EXIF orientation says. */
export interface DecodePlan {
  /** Whether it is the same in every epoch, so that the pixels may be kept. */
  fixed: boolean;
  /** The size of the image that it was made for. Absent: it is for any. */
  image: Size | undefined;
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
  limits: ImageLimits;
}

const KERNELS = { nearest: "nearest", bilinear: "linear", bicubic: "cubic", lanczos: "lanczos3" } as const;

/**
 * The size of an image when it is upright, and its format; nothing is decoded.
 * @throws McLossError ERR_IMAGE naming the file, also where the image is larger than the limits
 */
export async function readHeader(source: ImageSource, limits: ImageLimits): Promise<ImageHeader> {
  return inImage(source, async () => {
    const encoded = await readEncoded(source, limits);
    return withOwnReason(async (share) => {
      const { header } = await decodeBudget.use(share(HEADER_BYTES), () => inspectImage(encoded, limits));
      return header;
    });
  });
}

/**
 * Decodes an image to 8-bit sRGB, row by row, 3 bytes a pixel, into `target`: each of the plan's windows after the
 * other. Transparency is laid on white, and of an animation the first frame is taken.
 * @returns what was wrong with an image that was repaired
 * @throws McLossError ERR_IMAGE naming the file
 */
export async function decodeSample(
  source: ImageSource,
  plan: DecodePlan,
  target: Uint8Array,
  damage: DamagePolicy = "error",
): Promise<string | undefined> {
  const { windows, visible } = plan;
  const [window = visible] = windows;
  const bytes = window.height * window.width * 3;
  if (target.length !== windows.length * bytes) {
    throw new RangeError(`target must hold ${windows.length * bytes} bytes, got ${target.length}`);
  }
  const seen = windows.length === 1 ? intersect(window, visible) : visible;
  const direct = windows.length === 1 && isSameRegion(seen, window) ? target : undefined;
  const { pixels, repaired } = await inImage(source, async () => {
    const encoded = await readEncoded(source, plan.limits);
    return withOwnReason(async (share, last) => {
      const image = await decodeBudget.use(share(HEADER_BYTES), () => inspectImage(encoded, plan.limits));
      checkUnchanged(plan, image.header);
      const part = { encoded, image, plan, seen, target: direct };
      return decodeBudget.use(share(image.memory), () => decodePart(part, last ? damage : "error"));
    }, damage);
  });
  if (pixels.data === target) return repaired;
  windows.forEach((wanted, index) => {
    place(pixels, seen, wanted, plan.fill, target.subarray(index * bytes, (index + 1) * bytes));
  });
  return repaired;
}

/** About what reading a header takes. */
const HEADER_BYTES = 2 ** 16;

/**
 * Does `work` again, alone, where it fails: libvips keeps what it says of all images in one place, so that the reason
 * may be another one's.
 * @param work uses the memory that `share` makes of what it needs; it may repair what is damaged the `last` time
 */
async function withOwnReason<T>(
  work: (share: (bytes: number) => number, last: boolean) => Promise<T>,
  damage: DamagePolicy = "error",
): Promise<T> {
  try {
    return await work((bytes) => bytes, false);
  } catch (error) {
    if (error instanceof ImageProblem && damage === "error") throw error;
    return work(() => Infinity, true);
  }
}

function checkUnchanged({ image }: DecodePlan, { height, width }: ImageHeader): void {
  if (!image || (image.height === height && image.width === width)) return;
  throw new ImageProblem(`it was changed: it had ${image.width} × ${image.height} pixels`);
}

interface Part {
  encoded: Uint8Array;
  image: InspectedImage;
  plan: DecodePlan;
  /** Of the resized image. */
  seen: Region;
  /** Where it may be decoded to. */
  target: Uint8Array | undefined;
}

/** The pixels of `seen`, at the beginning of an image that may be larger. */
async function decodePart(
  part: Part,
  damage: DamagePolicy,
): Promise<{ pixels: Pixels; repaired: string | undefined }> {
  const decode = async (how: DamagePolicy) => (await decodePlainJpeg(part, how)) ?? decodeRegion(part, how);
  try {
    return { pixels: await decode("error"), repaired: undefined };
  } catch (error) {
    if (damage === "error") throw error;
    const pixels = await decode("repair");
    // Grey or black alone teaches nothing.
    if (pixels.data.every((value) => value === pixels.data[0])) throw error;
    return { pixels, repaired: reasonOf(error) };
  }
}

/**
 * By libjpeg: libvips takes several times as long for images of this size. Undefined where sharp has to look at the
 * image: it is no plain JPEG or, where damage is an error, no intact one.
 */
async function decodePlainJpeg(part: Part, damage: DamagePolicy): Promise<Pixels | undefined> {
  const { encoded, image, plan, seen } = part;
  const { header } = image;
  const { region, resized, interpolation, limits } = plan;
  if (interpolation === "nearest" || seen.height < 1 || seen.width < 1) return undefined;
  if (header.format !== "jpeg" || header.orientation !== 1 || !native().hasJpegDecoder()) return undefined;
  const data = part.target ?? new Uint8Array(seen.height * seen.width * 3);
  const { limitInputPixels } = limits;
  const repair = damage === "repair";
  const options = { region, resized, window: seen, interpolation, limitInputPixels, repair };
  if (!(await native().decodeJpeg(encoded, options, data))) return undefined;
  return { data, height: seen.height, width: seen.width };
}

async function decodeRegion(part: Part, damage: DamagePolicy): Promise<Pixels> {
  const { seen } = part;
  const { header } = part.image;
  const { region, resized, interpolation, source = header } = part.plan;
  const image = await part.image.open(damage);
  // What was made smaller while it was decoded has other pixels than were stored: "nearest" shows it.
  if (region ?? interpolation === "nearest") image.extract(region ?? wholeOf(header));
  if (resized) {
    const kernel = KERNELS[interpolation];
    const size = { height: resized.height, width: resized.width };
    // As it is decoded a JPEG is left twice as large as needed at least, and nothing else is made smaller.
    image.resize({ ...size, fit: "fill", kernel, withoutEnlargement: true, fastShrinkOnLoad: false });
  }
  const enlarged = resized !== undefined && isEnlarged(source, resized);
  if (!enlarged && !isSameRegion(seen, wholeOf(resized ?? source))) image.extract(seen);
  const pixels = await readPixels(image);
  if (!enlarged) return pixels;
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
  if (info.channels !== 3) throw new ImageProblem(`decoded to ${info.channels} channels`);
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
  const text = `cannot decode ${name} (${reasonOf(cause)}): export it again or remove it, or skip it ({ onBadImage: "skip" })`;
  return new McLossError("ERR_IMAGE", text, { ...(path === undefined ? {} : { path }), cause });
}
