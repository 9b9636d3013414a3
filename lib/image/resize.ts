import sharp from "sharp";
import type { RgbImage } from "../pictures/heat-map.js";

/** The whole image in another size, whatever its proportions. */
export async function resizeImage(
  { data, width, height }: RgbImage,
  size: { width: number; height: number },
  kernel: "cubic" | "nearest",
): Promise<RgbImage> {
  const resized = sharp(data, { raw: { width, height, channels: 3 } }).resize({
    ...size,
    fit: "fill",
    kernel,
  });
  return { data: await resized.raw().toBuffer(), ...size };
}
