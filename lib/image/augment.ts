import type { Region, Size } from "./geometry.js";
import type { Random } from "./random.js";
import type { ColorJitterSpec, RandomAffineSpec } from "./transforms.js";

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

export function drawAffine(transform: RandomAffineSpec, random: Random, { height, width }: Size): Matrix {
  const either = (limit: number) => random.uniform(-limit, limit);
  const angle = (either(transform.degrees) * Math.PI) / 180;
  const scale = random.uniform(transform.scale[0], transform.scale[1]);
  const stretch = 1 + either(transform.aspect);
  const shear = Math.tan((either(transform.shear) * Math.PI) / 180);
  const shiftX = 2 * either(transform.translate);
  const shiftY = 2 * either(transform.translate);
  // Output to input, in pixels from the centre: undo the rotation, then the shear, then the scale.
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [scaleX, scaleY] = [scale * stretch, scale / stretch];
  const xx = (cos - shear * -sin) / scaleX;
  const xy = (sin - shear * cos) / scaleX;
  const yx = -sin / scaleY;
  const yy = cos / scaleY;
  // From pixels to [−1, 1] in each direction, with the shift taken off first.
  const matrix: Matrix = [xx, (xy * height) / width, 0, (yx * width) / height, yy, 0];
  return compose(matrix, [1, 0, -shiftX, 0, 1, -shiftY]);
}

export function drawColor(transform: ColorJitterSpec, random: Random): { color: number[]; contrast: number } {
  const gray = random.uniform(0, 1) < transform.grayscale;
  const saturation = gray ? 0 : drawSaturation(transform.saturation, random);
  const brightness = around(transform.brightness, random);
  const color = [0, 1, 2].flatMap((row) => {
    const gain = brightness * around(transform.gain, random);
    return LUMA.map(
      (weight, column) => gain * ((1 - saturation) * weight + (row === column ? saturation : 0)),
    );
  });
  return { color, contrast: around(transform.contrast, random) };
}

function around(limit: number, random: Random): number {
  return random.uniform(1 - limit, 1 + limit);
}

function drawSaturation(saturation: ColorJitterSpec["saturation"], random: Random): number {
  return typeof saturation === "number"
    ? around(saturation, random)
    : random.uniform(saturation[0], saturation[1]);
}
