import { interpolateInferno } from "d3-scale-chromatic";
import type { RgbImage } from "../image/rgb-image.js";
import { loadSharp } from "../image/sharp.js";

/** What a channel looks at: `height` × `width` activations, row by row. */
export interface ChannelMap {
  data: ArrayLike<number>;
  height: number;
  width: number;
}

// How much of the picture is left under the strongest and the weakest activation.
const WEAKEST_OPACITY = 0.35;
const STRONGEST_OPACITY = 0.95;

/** Perceptually uniform colours from weak (dark) to strong (bright), as 256 RGB triples. */
export const HEAT_COLORS: readonly (readonly [number, number, number])[] = Array.from(
  { length: 256 },
  (_, i) => {
    const [red = 0, green = 0, blue = 0] = parseHex(interpolateInferno(i / 255));
    return [red, green, blue] as const;
  },
);

/**
 * A heat map of one channel over the image that it saw, as `size` × `size` pixels.
 * @param strongest the activation that gets the brightest colour; 0 gets the darkest
 */
export async function renderHeatMap(
  map: ChannelMap,
  image: RgbImage,
  strongest: number,
  size: number,
): Promise<RgbImage> {
  const [heat, gray] = await Promise.all([enlarge(map, strongest, size), toGray(image, size)]);
  return { data: blendHeat(heat, gray), height: size, width: size };
}

/** The colours of `levels`, 0 (dark) to 255 (bright), over the picture's grey values, as RGB. */
export function blendHeat(levels: Uint8Array, gray: Uint8Array): Uint8Array {
  const data = new Uint8Array(levels.length * 3);
  levels.forEach((level, place) => {
    const opacity = WEAKEST_OPACITY + ((STRONGEST_OPACITY - WEAKEST_OPACITY) * level) / 255;
    const color = HEAT_COLORS[level] ?? [0, 0, 0];
    color.forEach((value, channel) => {
      data[place * 3 + channel] = Math.round(opacity * value + (1 - opacity) * (gray[place] ?? 0));
    });
  });
  return data;
}

/** Activations as levels 0 to 255, interpolated to the picture's size. */
async function enlarge(map: ChannelMap, strongest: number, size: number): Promise<Uint8Array> {
  const { width, height } = map;
  const levels = Uint8Array.from(map.data, (value) =>
    Math.max(0, Math.min(255, Math.round((255 * value) / (strongest || 1)))),
  );
  const sharp = await loadSharp();
  return sharp(levels, { raw: { width, height, channels: 1 } })
    .resize(size, size, { fit: "fill", kernel: "cubic" })
    .extractChannel(0)
    .raw()
    .toBuffer();
}

async function toGray({ data, width, height }: RgbImage, size: number): Promise<Uint8Array> {
  const sharp = await loadSharp();
  return sharp(data, { raw: { width, height, channels: 3 } })
    .resize(size, size, { fit: "fill", kernel: "cubic" })
    .greyscale()
    .extractChannel(0)
    .raw()
    .toBuffer();
}

function parseHex(color: string): number[] {
  return [1, 3, 5].map((start) => Number.parseInt(color.slice(start, start + 2), 16));
}
