import type { Sharp } from "sharp";
import { native } from "../native/binding.js";
import { reasonOf } from "../system-error.js";
import { enlarge } from "./enlarge.js";
import { intersect, isSameRegion, wholeOf, type Region, type Size } from "./geometry.js";
import { ImageProblem } from "./image-problem.js";
import type { DamagePolicy, InspectedImage } from "./inspect-image.js";
import type { RgbImage } from "./rgb-image.js";
import type { Interpolation, Rgb } from "./transform-options.js";

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
}

const KERNELS = { nearest: "nearest", bilinear: "linear", bicubic: "cubic", lanczos: "lanczos3" } as const;

/** All of an image in another size, whatever its proportions. */
export function planWhole(resized: Size): DecodePlan {
  const window = wholeOf(resized);
  return {
    fixed: true,
    image: undefined,
    region: undefined,
    source: undefined,
    resized,
    interpolation: "bilinear",
    windows: [window],
    visible: window,
    fill: [0, 0, 0],
  };
}

/**
 * Decodes an image to 8-bit sRGB, row by row, 3 bytes a pixel, into `target`: each of the plan's windows after the
 * other.
 * @returns what was wrong with an image that was repaired
 * @throws Error saying what is wrong with it
 */
export async function decodeInto(
  image: InspectedImage,
  plan: DecodePlan,
  target: Uint8Array,
  damage: DamagePolicy,
): Promise<string | undefined> {
  const { windows, visible } = plan;
  const [window = visible] = windows;
  const bytes = window.height * window.width * 3;
  if (target.length !== windows.length * bytes) {
    throw new RangeError(`target must hold ${windows.length * bytes} bytes, got ${target.length}`);
  }
  const seen = windows.length === 1 ? intersect(window, visible) : visible;
  const direct = windows.length === 1 && isSameRegion(seen, window) ? target : undefined;
  const { pixels, repaired } = isEmpty(seen)
    ? { pixels: NOTHING, repaired: undefined }
    : await decodePart({ image, plan, seen, target: direct }, damage);
  if (pixels.data === target) return repaired;
  windows.forEach((wanted, index) => {
    place(pixels, seen, wanted, plan.fill, target.subarray(index * bytes, (index + 1) * bytes));
  });
  return repaired;
}

/** Of an image that a crop lies beside. */
const NOTHING: RgbImage = { data: new Uint8Array(), height: 0, width: 0 };

function isEmpty({ height, width }: Size): boolean {
  return height < 1 || width < 1;
}

interface Part {
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
): Promise<{ pixels: RgbImage; repaired: string | undefined }> {
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
async function decodePlainJpeg(part: Part, damage: DamagePolicy): Promise<RgbImage | undefined> {
  const { image, plan, seen } = part;
  const { bytes, header, limits } = image;
  const { region, resized, interpolation } = plan;
  if (interpolation === "nearest") return undefined;
  if (header.format !== "jpeg" || header.orientation !== 1 || !native().hasJpegDecoder()) return undefined;
  const data = part.target ?? new Uint8Array(seen.height * seen.width * 3);
  const { limitInputPixels } = limits;
  const repair = damage === "repair";
  const options = { region, resized, window: seen, interpolation, limitInputPixels, repair };
  if (!(await native().decodeJpeg(bytes, options, data))) return undefined;
  return { data, height: seen.height, width: seen.width };
}

async function decodeRegion(part: Part, damage: DamagePolicy): Promise<RgbImage> {
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
  return enlarge(pixels, resized, seen, interpolation);
}

function isEnlarged(image: Size, resized: Size): boolean {
  return image.height < resized.height || image.width < resized.width;
}

async function readPixels(image: Sharp): Promise<RgbImage> {
  const { data, info } = await image
    .flatten({ background: "#fff" })
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new ImageProblem(`decoded to ${info.channels} channels`);
  return { data, height: info.height, width: info.width };
}

/** Writes what `wanted` shows of `image`, which begins where `seen` does, and `fill` elsewhere. */
function place(image: RgbImage, seen: Region, wanted: Region, fill: Rgb, target: Uint8Array): void {
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
