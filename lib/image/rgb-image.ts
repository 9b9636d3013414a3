import type { Size } from "./geometry.js";
import { loadSharp } from "./sharp.js";

/** Decoded pixels: 8-bit RGB, row by row. */
export interface RgbImage extends Size {
  data: Uint8Array;
}

/** The whole image in another size, whatever its proportions. */
export async function resizeImage(
  { data, width, height }: RgbImage,
  size: Size,
  kernel: "cubic" | "nearest",
): Promise<RgbImage> {
  const sharp = await loadSharp();
  const image = sharp(data, { raw: { width, height, channels: 3 } });
  const resized = await image
    .resize({ ...size, fit: "fill", kernel })
    .raw()
    .toBuffer();
  return { data: resized, ...size };
}
