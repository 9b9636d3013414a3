import { planWhole } from "../image/decode.js";
import type { EncodedImage } from "../image/encoded-image.js";
import type { Size } from "../image/geometry.js";
import type { RgbImage } from "../image/rgb-image.js";
import { blendHeat } from "../pictures/heat-map.js";
import { blendParts } from "../pictures/part-colors.js";
import type { Background } from "./background.js";

/** An image at the size of a tile, in colour and in grey. */
export interface TileImage extends RgbImage {
  gray: Uint8Array;
}

// ITU-R 601, as torchvision's rgb_to_grayscale.
const LUMA = [0.299, 0.587, 0.114] as const;
/** What is left of the picture where the model did not see it; the rest becomes a light grey. */
const UNSEEN_OPACITY = 0.25;
const UNSEEN_COLOR = 225;
const FRAME_COLOR = 255;

/** Reads an image, upright, at a tile's size; black without it. @throws McLossError ERR_IMAGE naming the file */
export async function readTile(
  image: EncodedImage,
  size: Size,
  background: Background = "image",
): Promise<TileImage> {
  const data = new Uint8Array(size.height * size.width * 3);
  if (background === "none") return { ...size, data, gray: new Uint8Array(size.height * size.width) };
  await image.decode(planWhole(size), data);
  const gray = new Uint8Array(size.height * size.width);
  gray.forEach((_, place) => {
    gray[place] = LUMA.reduce((sum, weight, channel) => sum + weight * (data[place * 3 + channel] ?? 0), 0);
  });
  return { ...size, data, gray };
}

/** The image itself, dimmed where the model did not see it. */
export function imageTile(image: TileImage, seen: Float32Array): RgbImage {
  return dim(image, image.data, seen);
}

/** A map as a heat map over the image; `strongest` gets the brightest colour. */
export function heatTile(
  image: TileImage,
  map: ArrayLike<number>,
  strongest: number,
  seen: Float32Array,
): RgbImage {
  const levels = Uint8Array.from(map, (value) =>
    Math.round((255 * Math.min(value, strongest)) / (strongest || 1)),
  );
  return dim(image, blendHeat(levels, image.gray), seen);
}

/** The image coloured by which of the maps is the strongest. */
export function partsTile(
  image: TileImage,
  maps: readonly ArrayLike<number>[],
  strongest: number,
  seen: Float32Array,
): RgbImage {
  return dim(image, blendParts(maps, strongest, image.gray), seen);
}

function dim({ height, width, gray }: TileImage, colors: Uint8Array, seen: Float32Array): RgbImage {
  const data = Uint8Array.from(colors);
  gray.forEach((value, place) => {
    if (seen[place]) return;
    const level = isBeside(seen, place, width)
      ? FRAME_COLOR
      : UNSEEN_OPACITY * value + (1 - UNSEEN_OPACITY) * UNSEEN_COLOR;
    data.fill(Math.round(level), place * 3, place * 3 + 3);
  });
  return { data, height, width };
}

/** Whether an unseen place touches a seen one: the frame around what the model saw. */
function isBeside(seen: Float32Array, place: number, width: number): boolean {
  const column = place % width;
  const left = column > 0 && seen[place - 1];
  const right = column < width - 1 && seen[place + 1];
  return Boolean(left || right || seen[place - width] || seen[place + width]);
}
