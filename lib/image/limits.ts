import { count, type Shape } from "../schema.js";
import { invalidArgument } from "../errors.js";
import type { Size } from "./geometry.js";
import { ImageProblem } from "./image-problem.js";
import { shown } from "../shown.js";

/** What an image may ask for: a small file can say that it has any number of pixels. */
export interface ImageLimits {
  /** Images of more pixels are refused. */
  limitInputPixels: number;
  /** Images that are higher or wider are refused, in pixels. */
  limitInputSide: number;
  /** Images that take more memory to decode are refused, in bytes: an estimate by their format and size. */
  limitInputBytes: number;
}

/**
 * A small file can say that it is an image of any size. Defaults differ: for training, evaluation and what is named on
 * the command line they are generous, for a `Classifier` they allow what cameras make.
 */
export interface ImageLimitOptions {
  /** Images of more pixels are bad. Default 178,956,970, as Pillow; of a `Classifier` 50,000,000. */
  limitInputPixels?: number | undefined;
  /** Images that are higher or wider are bad, in pixels. Default 65,535, as JPEG; of a `Classifier` 16,384. */
  limitInputSide?: number | undefined;
  /**
   * Images that take more memory to decode are bad, in bytes: an estimate by their format and size, before anything is
   * decoded. Larger files are bad too. Default 2 GiB; of a `Classifier` 512 MiB.
   */
  limitInputBytes?: number | undefined;
}

/**
 * For images of one's own: Pillow's limit of pixels (DecompressionBombError), JPEG's longest side, and memory for that
 * many pixels in any format but AVIF.
 */
export const TRAINING_LIMITS: ImageLimits = {
  limitInputPixels: 178_956_970,
  limitInputSide: 65_535,
  limitInputBytes: 2 ** 31,
};

/** For images of anyone: what cameras make. */
export const SERVING_LIMITS: ImageLimits = {
  limitInputPixels: 50_000_000,
  limitInputSide: 16_384,
  limitInputBytes: 2 ** 29,
};

/**
 * The limits that are given, and for the others `defaults`.
 * @throws McLossError ERR_ARGUMENT naming the limit that is no positive integer
 */
export function chooseLimits(given: ImageLimitOptions, defaults: ImageLimits): ImageLimits {
  const limits = { ...defaults };
  for (const name of Object.keys(defaults) as (keyof ImageLimits)[]) {
    const limit = given[name] ?? defaults[name];
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw invalidArgument(name, `must be a positive integer, got ${shown(limit)}`);
    }
    limits[name] = limit;
  }
  return limits;
}

/** Those of `options` that are given. */
export function givenLimits(options: ImageLimitOptions): ImageLimitOptions {
  const names = Object.keys(TRAINING_LIMITS) as (keyof ImageLimits)[];
  return Object.fromEntries(names.filter((name) => options[name]).map((name) => [name, options[name]]));
}

/** {@link ImageLimitOptions} */
export const imageLimitShape = {
  limitInputPixels: count.optional(),
  limitInputSide: count.optional(),
  limitInputBytes: count.optional(),
} satisfies Shape<ImageLimitOptions>;

/** Throws what is wrong with an image that is larger than it may be. */
export function checkLimits({ height, width }: Size, bytes: number, limits: ImageLimits): void {
  const { limitInputPixels, limitInputSide, limitInputBytes } = limits;
  const size = `it says that it has ${width} × ${height} pixels`;
  if (height * width > limitInputPixels) {
    throw new ImageProblem(
      `${size}, more than the pixel limit of ${limitInputPixels} (limitInputPixels, --max-pixels)`,
    );
  }
  if (Math.max(height, width) > limitInputSide) {
    throw new ImageProblem(
      `${size}, and the longest side allowed is ${limitInputSide} (limitInputSide, --max-side)`,
    );
  }
  if (bytes > limitInputBytes) {
    const [needed, allowed] = [bytes, limitInputBytes].map((count) => Math.ceil(count / 2 ** 20));
    throw new ImageProblem(
      `${size}: to decode it may take ${needed} of ${allowed} MiB allowed (limitInputBytes, --max-image-bytes)`,
    );
  }
}
