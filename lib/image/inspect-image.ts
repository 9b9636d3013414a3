import type { Metadata, Sharp } from "sharp";
import { bmp } from "./bmp.js";
import { estimateMemory } from "./decode-memory.js";
import type { Size } from "./geometry.js";
import { nameOfForeign, sniffFormat, type ImageFormat } from "./formats.js";
import { checkLimits, type ImageLimits } from "./limits.js";
import { ImageProblem } from "./image-problem.js";
import { readJpegHeader } from "./jpeg-header.js";
import { netpbm } from "./netpbm.js";
import { readPngHeader } from "./png-header.js";
import type { RawDecoder } from "./raw-image.js";
import { loadSharp } from "./sharp.js";
import { readWebpHeader } from "./webp-header.js";

export interface ImageHeader extends Size {
  format: ImageFormat;
  /** EXIF orientation of the stored pixels, 1 to 8; height and width are those of the upright image. */
  orientation: number;
}

/** What an image says of itself, within the limits. */
export interface InspectedImage {
  /** As they are stored. */
  bytes: Uint8Array;
  header: ImageHeader;
  limits: ImageLimits;
  /** The most that decoding it takes, roughly, in bytes. */
  memory: number;
  /** Whether nothing of its header is for sharp to see to. */
  usual: boolean;
  /** Whether it may be transparent. */
  alpha: boolean;
  /** A sharp image of it, upright and whole, though it may be decoded in parts. */
  open(damage: DamagePolicy): Promise<Sharp>;
}

/** How an image that is damaged is decoded: not at all, or as far as it can be, with zeros or grey for the rest. */
export type DamagePolicy = "error" | "repair";

const RAW_DECODERS: Readonly<Partial<Record<ImageFormat, RawDecoder>>> = { bmp, netpbm };

/**
 * The header of an encoded image. Its format is what its first bytes say, whatever its name, and one of those that are
 * read: libvips knows more, some of which take minutes and gigabytes for a small file.
 * @throws Error saying what is wrong with it
 */
export async function inspectImage(bytes: Uint8Array, limits: ImageLimits): Promise<InspectedImage> {
  const format = formatOf(bytes);
  const stored = await readStored(bytes, format);
  const { orientation, height, width } = stored;
  const memory = estimateMemory({ ...stored, turned: orientation > 1 });
  checkLimits(stored, memory, limits);
  const size = orientation < 5 ? { height, width } : { height: width, width: height };
  return {
    bytes,
    limits,
    header: { format, orientation, ...size },
    memory,
    usual: stored.usual,
    alpha: stored.channels === 2 || stored.channels === 4,
    open: (damage) => openImage(bytes, format, limits, damage),
  };
}

interface StoredImage extends ImageHeader {
  channels: number;
  bytesPerSample: number;
  interlaced: boolean;
  usual: boolean;
}

async function readStored(bytes: Uint8Array, format: ImageFormat): Promise<StoredImage> {
  const usual = { format, bytesPerSample: 1, interlaced: false, orientation: 1, usual: true };
  const jpeg = readJpegHeader(bytes);
  if (jpeg) return { ...usual, ...jpeg, interlaced: jpeg.progressive };
  const png = readPngHeader(bytes);
  if (png) return { ...usual, ...png };
  const webp = readWebpHeader(bytes);
  if (webp) return { ...usual, ...webp, channels: webp.alpha ? 4 : 3 };
  const raw = RAW_DECODERS[format]?.readHeader(bytes);
  if (raw) return { ...usual, ...raw, usual: false };
  // Of any size, as nothing is decoded: it is compared with the limits afterwards.
  const sharp = await loadSharp();
  const metadata = await sharp(bytes, { limitInputPixels: false }).metadata();
  const { height, width, channels, isProgressive: interlaced, orientation = 1 } = metadata;
  return {
    format,
    height,
    width,
    channels,
    interlaced,
    orientation: orientation >= 1 && orientation <= 8 ? orientation : 1,
    bytesPerSample: sampleBytes(metadata),
    usual: format === "jpeg",
  };
}

async function openImage(
  bytes: Uint8Array,
  format: ImageFormat,
  limits: ImageLimits,
  damage: DamagePolicy,
): Promise<Sharp> {
  const sharp = await loadSharp();
  const decoder = RAW_DECODERS[format];
  if (!decoder) {
    const failOn = damage === "error" ? "error" : "none";
    // From bytes: given a path, libvips opens the file once for every format it knows.
    return sharp(bytes, { failOn, limitInputPixels: limits.limitInputPixels }).autoOrient();
  }
  const { data, height, width, channels } = await decoder.decode(
    bytes,
    damage === "error" ? "error" : "zeros",
  );
  return sharp(data, { raw: { height, width, channels } });
}

function formatOf(bytes: Uint8Array): ImageFormat {
  const format = sniffFormat(bytes);
  if (format) return format;
  if (bytes.length === 0) throw new ImageProblem("the file is empty");
  const name = nameOfForeign(bytes);
  throw new ImageProblem(
    `it is no image in a format that is read${name === undefined ? "" : `, but ${name}`}`,
  );
}

function sampleBytes({ depth }: Metadata): number {
  const bytes: Readonly<Record<string, number>> = {
    uchar: 1,
    char: 1,
    ushort: 2,
    short: 2,
    double: 8,
    dpcomplex: 16,
  };
  return bytes[depth] ?? 4;
}
