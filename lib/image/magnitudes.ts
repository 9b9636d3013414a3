import { roundHalfToEven, type Size } from "./geometry.js";
import { affineEdit, rotateEdits, type Outside, type PixelEdit } from "./pixel-edits.js";
import type { Random } from "./random.js";

/** The operations of AutoAugment and what followed it, as torchvision names them. */
export type Operation =
  | "Identity"
  | "ShearX"
  | "ShearY"
  | "TranslateX"
  | "TranslateY"
  | "Rotate"
  | "Brightness"
  | "Color"
  | "Contrast"
  | "Sharpness"
  | "Posterize"
  | "Solarize"
  | "AutoContrast"
  | "Equalize"
  | "Invert";

/** How strong an operation is at one of `bins` steps from weak to strong, on an image of a size. */
export type Magnitude = (step: number, bins: number, image: Size) => number;

/** What a policy draws from: each operation's magnitudes, where it has any. */
export type Space = Readonly<Partial<Record<Operation, Magnitude | undefined>>>;

/** Whose magnitude is as often negative. */
const SIGNED: readonly Operation[] = [
  ...(["ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"] as const),
  ...(["Brightness", "Color", "Contrast", "Sharpness"] as const),
];

/** From 0 to `most`. */
export function upTo(most: number): Magnitude {
  return (step, bins) => linspace(0, most, step, bins);
}

/** From 0 to a share of the side. */
export function upToShare(share: number, side: keyof Size): Magnitude {
  return (step, bins, image) => linspace(0, share * image[side], step, bins);
}

/** Bits that are left, from 8 down by `most`. */
export function bitsDownBy(most: number): Magnitude {
  return (step, bins) => roundHalfToEven(Math.fround(8 - Math.fround(step / ((bins - 1) / most))));
}

/** From all down to none of the levels. */
export const downToZero: Magnitude = (step, bins) => linspace(1, 0, step, bins);

/** torch.linspace(start, end, bins)[step], in float32. */
function linspace(start: number, end: number, step: number, bins: number): number {
  if (bins === 1) return Math.fround(start);
  const [first, last] = [Math.fround(start), Math.fround(end)];
  const gap = Math.fround(Math.fround(last - first) / (bins - 1));
  return step < Math.floor(bins / 2)
    ? Math.fround(first + gap * step)
    : Math.fround(last - gap * (bins - 1 - step));
}

/** Of AutoAugment and RandAugment, in the order in which RandAugment draws them. */
export const AUTO_AUGMENT_SPACE: Space = {
  ShearX: upTo(0.3),
  ShearY: upTo(0.3),
  TranslateX: upToShare(150 / 331, "width"),
  TranslateY: upToShare(150 / 331, "height"),
  Rotate: upTo(30),
  Brightness: upTo(0.9),
  Color: upTo(0.9),
  Contrast: upTo(0.9),
  Sharpness: upTo(0.9),
  Posterize: bitsDownBy(4),
  Solarize: downToZero,
};

/** What an operation of a space is drawn with. */
interface Drawing {
  /** Draws or tells the step. */
  step: () => number;
  bins: number;
  image: Size;
  outside: Outside;
}

/** An operation of a space at a magnitude that is drawn. */
export function drawEdits(
  space: Space,
  operation: Operation,
  { outside, ...drawing }: Drawing,
  random: Random,
): readonly PixelEdit[] {
  const magnitude = drawMagnitude(operation, space[operation], drawing, random);
  return editsOf(operation, magnitude, drawing.image, outside);
}

/** Any operation of a space, each as often, at a magnitude that is drawn. */
export function drawAnyEdits(space: Space, drawing: Drawing, random: Random): readonly PixelEdit[] {
  const operations = Object.keys(space) as Operation[];
  const operation = operations[random.integer(0, operations.length - 1)] ?? "Identity";
  return drawEdits(space, operation, drawing, random);
}

/** An operation's magnitude, with a sign that is drawn where it has one; 0 where it has none. */
function drawMagnitude(
  operation: Operation,
  magnitude: Magnitude | undefined,
  { step, bins, image }: { step: () => number; bins: number; image: Size },
  random: Random,
): number {
  if (!magnitude) return 0;
  const strength = magnitude(step(), bins, image);
  return SIGNED.includes(operation) && random.uniform(0, 1) <= 0.5 ? -strength : strength;
}

/** As torchvision's _apply_image_or_video_transform(). */
export function editsOf(
  operation: Operation,
  magnitude: number,
  image: Size,
  outside: Outside,
): readonly PixelEdit[] {
  const corner = [-0.5 * image.width, -0.5 * image.height] as const;
  const shear = (x: number, y: number) => affineEdit({ shear: [x, y], center: corner }, outside);
  const degrees = (Math.atan(magnitude) * 180) / Math.PI;
  switch (operation) {
    case "Identity":
      return [];
    case "ShearX":
      return [shear(degrees, 0)];
    case "ShearY":
      return [shear(0, degrees)];
    case "TranslateX":
      return [affineEdit({ translate: [Math.trunc(magnitude), 0] }, outside)];
    case "TranslateY":
      return [affineEdit({ translate: [0, Math.trunc(magnitude)] }, outside)];
    case "Rotate":
      return rotateEdits(magnitude, image, outside);
    case "Brightness":
      return [["brightness", 1 + magnitude]];
    case "Color":
      return [["saturation", 1 + magnitude]];
    case "Contrast":
      return [["contrast", 1 + magnitude]];
    case "Sharpness":
      return [["sharpness", 1 + magnitude]];
    case "Posterize":
      return [["posterize", Math.trunc(magnitude)]];
    case "Solarize":
      return [["solarize", 255 * magnitude]];
    case "AutoContrast":
      return [["autocontrast"]];
    case "Equalize":
      return [["equalize"]];
    case "Invert":
      return [["invert"]];
  }
}
