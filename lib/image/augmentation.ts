import type { Region, Size } from "./geometry.js";

/** A 2×3 matrix by rows: the coordinates in the input of a place in the output. */
export type Matrix = readonly [number, number, number, number, number, number];

/** What the device does to one decoded sample; the whole batch is then changed by one native call. */
export interface Augmentation {
  /** Where the output begins in the decoded pixels; it may reach beyond them. */
  top: number;
  left: number;
  /** Whether the output is then mirrored, left to right. */
  flipped: boolean;
  /**
   * 2×3 by rows, as torch.nn.functional.affine_grid takes it: [−1, 1] across the image, align_corners=false. Where
   * the pipeline is warped it stands for the three above.
   */
  theta: Matrix;
  /** 3×3 by rows, on RGB. */
  color: readonly number[];
  /** Scales about the image's mean grey, before `color`. */
  contrast: number;
  /** What becomes the erased colour, in the output. */
  erased: Region | undefined;
}

export const IDENTITY: Matrix = [1, 0, 0, 0, 1, 0];
export const SAME_COLORS: readonly number[] = [1, 0, 0, 0, 1, 0, 0, 0, 1];
export const MIRROR: Matrix = [-1, 0, 0, 0, 1, 0];
// ITU-R 601 luma, as torchvision's rgb_to_grayscale.
const LUMA = [0.2989, 0.587, 0.114] as const;

/** first ∘ second: where `second`'s input is `first`'s output. */
export function compose(first: Matrix, second: Matrix): Matrix {
  const [a, b, c, d, e, f] = first;
  const [g, h, i, j, k, l] = second;
  return [a * g + b * j, a * h + b * k, a * i + b * l + c, d * g + e * j, d * h + e * k, d * i + e * l + f];
}

/** A part of an image as a matrix: exact where it has the image's own size. */
export function cropMatrix(image: Size, part: Region): Matrix {
  const shift = (start: number, extent: number, whole: number) => (2 * start + extent - whole) / whole;
  return [
    part.width / image.width,
    0,
    shift(part.left, part.width, image.width),
    0,
    part.height / image.height,
    shift(part.top, part.height, image.height),
  ];
}

/** A mixture of an image and its grey by rows, on RGB: `saturation` of 0 is grey alone, 1 the image. */
export function grayMix(saturation: number): number[] {
  return [0, 1, 2].flatMap((row) =>
    LUMA.map((weight, column) => (1 - saturation) * weight + (row === column ? saturation : 0)),
  );
}

/** first, then second, both 3×3 by rows. */
export function thenColor(first: readonly number[], second: readonly number[]): number[] {
  return [0, 1, 2].flatMap((row) =>
    [0, 1, 2].map((column) =>
      [0, 1, 2].reduce((sum, i) => sum + (second[3 * row + i] ?? 0) * (first[3 * i + column] ?? 0), 0),
    ),
  );
}
