import type { Region, Size } from "./geometry.js";
import type { RgbImage } from "./rgb-image.js";
import { loadSharp } from "./sharp.js";
import type { Interpolation } from "./transform-options.js";

// libvips has no Lanczos for enlarging.
const INTERPOLATORS = {
  nearest: "nearest",
  bilinear: "bilinear",
  bicubic: "bicubic",
  lanczos: "bicubic",
} as const;
/** What bicubic interpolation reads beside a place, and one more. */
const MARGIN = 3;

/**
 * The part `wanted` of an image enlarged to `resized`, with pixels' centres where Pillow has them: libvips's own
 * resize moves an image by half a pixel when it enlarges it.
 */
export async function enlarge(
  image: RgbImage,
  resized: Size,
  wanted: Region,
  interpolation: Interpolation,
): Promise<RgbImage> {
  const across = alongAxis(image.width, resized.width, wanted.left, wanted.width, interpolation);
  const down = alongAxis(image.height, resized.height, wanted.top, wanted.height, interpolation);
  const part = { top: down.first, left: across.first, height: down.count, width: across.count };
  const sharp = await loadSharp();
  const source = repeatEdges(image, part);
  const raw = { height: part.height, width: part.width, channels: 3 } as const;
  const { data, info } = await sharp(source, { raw })
    .affine(
      [
        [across.scale, 0],
        [0, down.scale],
      ],
      { odx: across.shift, ody: down.shift, interpolator: INTERPOLATORS[interpolation] },
    )
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, height: info.height, width: info.width };
}

/** Which of an axis's pixels to interpolate, and the map from them to the wanted ones: scale · i + shift. */
function alongAxis(
  extent: number,
  resized: number,
  start: number,
  wanted: number,
  interpolation: Interpolation,
): { first: number; count: number; scale: number; shift: number } {
  const scale = resized / extent;
  const first = Math.floor((start + 0.5) / scale - 0.5) - MARGIN;
  const last = Math.ceil((start + wanted - 0.5) / scale - 0.5) + MARGIN;
  // A pixel's value lies at its centre; the nearest one is found by rounding down.
  const centre = interpolation === "nearest" ? 0 : 0.5;
  return { first, count: last - first + 1, scale, shift: scale * (first + centre) - start - 0.5 };
}

/** A part that may reach beyond the image, where the pixels at the edges are repeated. */
function repeatEdges({ data, height, width }: RgbImage, part: Region): Uint8Array {
  const result = new Uint8Array(part.height * part.width * 3);
  const first = Math.max(0, part.left);
  const last = Math.min(width, part.left + part.width) - 1;
  for (let y = 0; y < part.height; y += 1) {
    const row = Math.min(height - 1, Math.max(0, part.top + y)) * width;
    const target = result.subarray(y * part.width * 3, (y + 1) * part.width * 3);
    target.set(data.subarray((row + first) * 3, (row + last + 1) * 3), (first - part.left) * 3);
    for (let x = 0; x < first - part.left; x += 1) {
      target.set(data.subarray((row + first) * 3, (row + first + 1) * 3), x * 3);
    }
    for (let x = last + 1 - part.left; x < part.width; x += 1) {
      target.set(data.subarray((row + last) * 3, (row + last + 1) * 3), x * 3);
    }
  }
  return result;
}
