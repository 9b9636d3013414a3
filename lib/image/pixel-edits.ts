import type { Region, Size } from "./geometry.js";
import type { Rgb } from "./transform-options.js";

/** A change of 8-bit pixels on the CPU, as native/data/edit_pixels.cpp lists them: its name and its numbers. */
export type PixelEdit = readonly [name: EditName, ...values: number[]];

type EditName =
  | "flipHorizontal"
  | "flipVertical"
  | "crop"
  | "turn"
  | "affine"
  | "brightness"
  | "contrast"
  | "saturation"
  | "hue"
  | "grayscale"
  | "posterize"
  | "solarize"
  | "autocontrast"
  | "equalize"
  | "invert"
  | "sharpness"
  | "gaussianBlur";

/** How pixels between others are made, as torchvision does on tensors. */
export type Sampling = "nearest" | "bilinear";

/** What places outside an image become. */
export interface Outside {
  interpolation: Sampling;
  /** Default: black, into which an image fades where it is interpolated. */
  fill?: Rgb | undefined;
}

/** The part of an image, which may reach beyond it. */
export function cropEdit({ top, left, height, width }: Region, fill: Rgb): PixelEdit {
  return ["crop", top, left, height, width, ...fill];
}

/** In degrees and pixels; the rest is none. */
interface AffineChange {
  shear?: readonly [x: number, y: number];
  translate?: readonly [x: number, y: number];
  /** Clockwise. */
  angle?: number;
  /** What stays where it is, in pixels from the middle. Default: that. */
  center?: readonly [x: number, y: number];
}

/** torchvision's affine() of scale 1. */
export function affineEdit(change: AffineChange, { interpolation, fill }: Outside): PixelEdit {
  return ["affine", ...inverseMatrix(change), interpolation === "bilinear" ? 1 : 0, ...(fill ?? [])];
}

/** torchvision's rotate(): degrees, to the left. */
export function rotateEdits(degrees: number, { height, width }: Size, outside: Outside): PixelEdit[] {
  const angle = ((degrees % 360) + 360) % 360;
  if (angle === 0) return [];
  if (angle === 180 || (angle % 90 === 0 && height === width)) return [["turn", angle / 90]];
  return [affineEdit({ angle: -angle }, outside)];
}

/** As torchvision's _get_inverse_affine_matrix(). */
function inverseMatrix({ shear = [0, 0], translate = [0, 0], angle = 0, center = [0, 0] }: AffineChange) {
  const [rotation, shearX, shearY] = [angle, ...shear].map((degrees) => (degrees * Math.PI) / 180);
  const [rot = 0, sx = 0, sy = 0] = [rotation, shearX, shearY];
  const a = Math.cos(rot - sy) / Math.cos(sy);
  const b = -(a * Math.tan(sx) + Math.sin(rot));
  const c = Math.sin(rot - sy) / Math.cos(sy);
  const d = Math.cos(rot) - c * Math.tan(sx);
  const [cx, cy] = center;
  const [x, y] = [cx + translate[0], cy + translate[1]];
  return [d, -b, cx - d * x + b * y, -c, a, cy + c * x - a * y];
}
