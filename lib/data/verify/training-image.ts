import { McLossError } from "../../errors.js";
import { planWhole } from "../../image/decode.js";
import type { Size } from "../../image/geometry.js";
import type { ImageLimits } from "../../image/limits.js";
import { reasonOf } from "../../system-error.js";
import { encodedImageOf, type Sample } from "../dataset.js";

const SMALL = { height: 8, width: 8 };

/** What is wrong with an image for training within `limits`: it is decoded to its last pixel. Undefined where nothing is. */
export async function problemOf(sample: Sample, limits: ImageLimits): Promise<string | undefined> {
  const image = encodedImageOf(sample, limits);
  try {
    await image.decode(planWhole(SMALL), new Uint8Array(SMALL.height * SMALL.width * 3));
    return undefined;
  } catch (error) {
    // Of the shard that it is in.
    if (error instanceof McLossError && error.code !== "ERR_IMAGE") throw error;
    return reasonOf(error instanceof McLossError ? (error.cause ?? error) : error);
  } finally {
    await image.release();
  }
}

/**
 * The size of the pixels as they are stored; nothing is decoded.
 * @throws McLossError ERR_IMAGE, also where an image is larger than may be
 */
export async function storedSize(sample: Sample, limits: ImageLimits): Promise<Size> {
  const { height, width, orientation } = await encodedImageOf(sample, limits).header();
  return orientation < 5 ? { height, width } : { height: width, width: height };
}
