import { native, type CutOptions } from "../native/binding.js";
import { reasonOf } from "../system-error.js";
import { intersect, isSameRegion, type Region, wholeOf, type Size } from "./geometry.js";
import { ImageProblem } from "./image-problem.js";
import type { DamagePolicy, ImageHeader, InspectedImage } from "./inspect-image.js";
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

/** All of an image in another size, whatever its proportions. */
export function planWhole(resized: Size): DecodePlan {
  const window = wholeOf(resized);
  return {
    fixed: true,
    image: undefined,
    region: undefined,
    resized,
    interpolation: "bilinear",
    windows: [window],
    visible: window,
    fill: [0, 0, 0],
  };
}

/** At how many eighths of its size an image is decoded: JPEG's decoder makes a smaller one in less time. */
export type Eighths = 1 | 2 | 4 | 8;

/**
 * The smallest that leaves at least twice the pixels wanted, so that antialiasing is still the resampling's. Of what is
 * decoded smaller "nearest" would show other pixels than are stored.
 */
export function eighthsFor({ region, resized, interpolation }: DecodePlan, header: ImageHeader): Eighths {
  if (header.format !== "jpeg" || !resized || interpolation === "nearest") return 8;
  const { height, width } = region ?? header;
  const factor = Math.min(height / resized.height, width / resized.width);
  return factor >= 16 ? 1 : factor >= 8 ? 2 : factor >= 4 ? 4 : 8;
}

/** The size of an image that is decoded at so many eighths. */
export function sizeAt({ height, width }: Size, eighths: Eighths): Size {
  return { height: Math.ceil((height * eighths) / 8), width: Math.ceil((width * eighths) / 8) };
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
  let repaired: string | undefined;
  const eighths = eighthsFor(plan, image.header);
  await placeWindows(plan, target, async (cut, pixels) => {
    repaired = await decodeCut(image, { ...cut, eighths }, pixels, damage);
  });
  return repaired;
}

/**
 * What {@link decodeInto} makes of an image whose own size is `whole`, where all of it was decoded at as many eighths as
 * the plan wants.
 */
export async function cutInto(
  image: RgbImage,
  whole: Size,
  plan: DecodePlan,
  target: Uint8Array,
): Promise<void> {
  await placeWindows(plan, target, (cut, pixels) => cutPixels(image, whole, cut, pixels));
}

/**
 * Decodes all of an image at so many eighths of its size.
 * @returns what was wrong with an image that was repaired
 * @throws Error saying what is wrong with it
 */
export async function decodeWholeInto(
  image: InspectedImage,
  eighths: Eighths,
  target: Uint8Array,
  damage: DamagePolicy,
): Promise<string | undefined> {
  const window = wholeOf(sizeAt(image.header, eighths));
  const cut = { region: undefined, resized: undefined, window, interpolation: "bilinear", eighths } as const;
  return decodeCut(image, cut, target, damage);
}

/** Has `decode` make what is visible of the windows, and writes them into `target`. */
async function placeWindows(
  { region, resized, interpolation, windows, visible, fill }: DecodePlan,
  target: Uint8Array,
  decode: (cut: CutOptions, pixels: Uint8Array) => Promise<void>,
): Promise<void> {
  const [window = visible] = windows;
  const bytes = window.height * window.width * 3;
  if (target.length !== windows.length * bytes) {
    throw new RangeError(`target must hold ${windows.length * bytes} bytes, got ${target.length}`);
  }
  const seen = windows.length === 1 ? intersect(window, visible) : visible;
  const cut = { region, resized, interpolation, window: seen };
  if (windows.length === 1 && isSameRegion(seen, window)) return decode(cut, target);
  const data = new Uint8Array(seen.height * seen.width * 3);
  if (data.length > 0) await decode(cut, data);
  const pixels = { data, height: seen.height, width: seen.width };
  windows.forEach((wanted, index) => {
    place(pixels, seen, wanted, fill, target.subarray(index * bytes, (index + 1) * bytes));
  });
}

interface Cut extends CutOptions {
  eighths: Eighths;
}

async function decodeCut(
  image: InspectedImage,
  cut: Cut,
  target: Uint8Array,
  damage: DamagePolicy,
): Promise<string | undefined> {
  const decode = async (how: DamagePolicy) => {
    if (await decodePlain(image, cut, target, how)) return;
    await cutPixels(await decodeBySharp(image, cut.eighths, how), image.header, cut, target);
  };
  try {
    await decode("error");
    return undefined;
  } catch (error) {
    if (damage === "error") throw error;
    await decode("repair");
    // Grey or black alone teaches nothing.
    if (target.every((value) => value === target[0])) throw error;
    return reasonOf(error);
  }
}

/**
 * By libjpeg, libpng and libwebp, on threads of this package: libvips takes several times as long for images of this
 * size. False where sharp has to look at the image: it is no plain one in these formats or, where damage is an error, no
 * intact one.
 */
async function decodePlain(
  { bytes, header, limits, usual, alpha }: InspectedImage,
  cut: Cut,
  target: Uint8Array,
  damage: DamagePolicy,
): Promise<boolean> {
  const { format, orientation } = header;
  const { limitInputPixels } = limits;
  if (!usual || !native().hasImageDecoder(format)) return false;
  // Of the others what is damaged is repaired by sharp.
  if (format !== "jpeg" && damage === "repair") return false;
  const options = { ...cut, orientation, alpha, limitInputPixels, repair: damage === "repair" };
  return native().decodeImage(format, bytes, options, target);
}

async function decodeBySharp(
  image: InspectedImage,
  eighths: Eighths,
  damage: DamagePolicy,
): Promise<RgbImage> {
  const opened = await image.open(damage);
  const size = sizeAt(image.header, eighths);
  // As it is decoded: then there is nothing left to resize.
  if (eighths < 8) opened.resize({ ...size, fit: "fill", fastShrinkOnLoad: true });
  const { data, info } = await opened
    .flatten({ background: "#fff" })
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new ImageProblem(`decoded to ${info.channels} channels`);
  if (info.height !== size.height || info.width !== size.width) {
    throw new ImageProblem(`decoded to ${info.width} × ${info.height} pixels`);
  }
  return { data, ...size };
}

async function cutPixels(
  { data, height, width }: RgbImage,
  whole: Size,
  cut: CutOptions,
  target: Uint8Array,
): Promise<void> {
  const options = { ...cut, size: { height, width }, whole };
  if (await native().cutPixels(data, options, target)) return;
  throw new RangeError(`the plan is not for an image of ${whole.width} × ${whole.height} pixels`);
}

/** Writes what `wanted` shows of `image`, which begins where `seen` does, and `fill` elsewhere. */
function place(image: RgbImage, seen: Region, wanted: Region, fill: Rgb, target: Uint8Array): void {
  const { data, width } = image;
  const shown = intersect(seen, wanted);
  if (!isSameRegion(shown, wanted)) target.forEach((_, at) => (target[at] = fill[at % 3] ?? 0));
  for (let row = shown.top; row < shown.top + shown.height; row += 1) {
    const from = ((row - seen.top) * width + shown.left - seen.left) * 3;
    const to = ((row - wanted.top) * wanted.width + shown.left - wanted.left) * 3;
    target.set(data.subarray(from, from + shown.width * 3), to);
  }
}
