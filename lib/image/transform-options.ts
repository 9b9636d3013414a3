import { z } from "zod";

/** Red, green and blue. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** A height and a width in pixels; one number makes a square. */
export type ImageSize = number | { height: number; width: number };

/** How pixels are interpolated when an image is resized (torchvision InterpolationMode; antialiased). */
export type Interpolation = z.output<typeof interpolation>;

const SIZE_HELP = { error: "must be an integer from 1 to 65535, or { height, width } of such" };
const extent = z.int().min(1).max(65_535);
const sides = z.strictObject({ height: extent, width: extent });

/** A size, or the length of a side whose meaning is the transform's own. */
export const sideOrSides = z.union([extent, sides], SIZE_HELP);
/** A size. */
export const square = z.union(
  [extent.transform((side) => ({ height: side, width: side })), sides],
  SIZE_HELP,
);
export const interpolation = z.enum(["nearest", "bilinear", "bicubic", "lanczos"]);
/** Of changes of 8-bit pixels, as torchvision's on tensors. */
export const sampling = z.enum(["nearest", "bilinear"]);
/** A colour from 0 to 255. */
export const color = rgb(z.number().min(0).max(255));

/** A value for each channel. */
export function rgb(value: z.ZodNumber) {
  return z.tuple([value, value, value]).readonly();
}

/** A range within limits. */
export function range(low: number, high: number) {
  const end = z.number().min(low).max(high);
  return z
    .tuple([end, end])
    .refine(([least, most]) => least <= most, "must be [least, most]")
    .readonly();
}
