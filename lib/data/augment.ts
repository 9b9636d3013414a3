import type { Random } from "./random.js";
import type {
  ColorJitterSpec,
  Pipeline,
  RandomAffineSpec,
  RandomCropSpec,
  RandomFlipSpec,
} from "./transforms.js";

/** A 2×3 matrix by rows: the coordinates in the input of a place in the output. */
type Matrix = readonly [number, number, number, number, number, number];

/** What augmentation does to one sample; the whole batch is then changed by one native call. */
export interface Augmentation {
  /** 2×3 by rows, as torch.nn.functional.affine_grid takes it: [−1, 1] across the image, align_corners=false. */
  theta: Matrix;
  /** 3×3 by rows, on RGB. */
  color: readonly number[];
  /** Scales about the image's mean grey, before `color`. */
  contrast: number;
}

const IDENTITY: Matrix = [1, 0, 0, 0, 1, 0];
// ITU-R 601 luma, as torchvision's rgb_to_grayscale.
const LUMA = [0.2989, 0.587, 0.114] as const;

/** Draws one sample's augmentation. Geometric transforms compose into one matrix, so pixels are interpolated once. */
export function drawAugmentation(pipeline: Pipeline, random: Random): Augmentation {
  const { height, width } = pipeline.resize;
  let theta = IDENTITY;
  let color: readonly number[] = [1, 0, 0, 0, 1, 0, 0, 0, 1];
  let contrast = 1;
  for (const transform of pipeline.random) {
    if (transform.type === "colorJitter") {
      color = drawColor(transform, random);
      contrast = around(transform.contrast, random);
    } else {
      theta = compose(theta, drawGeometry(transform, random, width, height));
    }
  }
  return { theta, color, contrast };
}

/** first ∘ second: where `second`'s input is `first`'s output. */
export function compose(first: Matrix, second: Matrix): Matrix {
  const [a, b, c, d, e, f] = first;
  const [g, h, i, j, k, l] = second;
  return [a * g + b * j, a * h + b * k, a * i + b * l + c, d * g + e * j, d * h + e * k, d * i + e * l + f];
}

function drawGeometry(
  transform: RandomCropSpec | RandomFlipSpec | RandomAffineSpec,
  random: Random,
  width: number,
  height: number,
): Matrix {
  switch (transform.type) {
    case "randomHorizontalFlip":
      return random.uniform(0, 1) < transform.probability ? [-1, 0, 0, 0, 1, 0] : IDENTITY;
    case "randomCrop": {
      const shift = () => random.integer(-transform.padding, transform.padding);
      return [1, 0, (2 * shift()) / width, 0, 1, (2 * shift()) / height];
    }
    case "randomAffine":
      return drawAffine(transform, random, width, height);
  }
}

function drawAffine(transform: RandomAffineSpec, random: Random, width: number, height: number): Matrix {
  const either = (limit: number) => random.uniform(-limit, limit);
  const angle = (either(transform.degrees) * Math.PI) / 180;
  const scale = random.uniform(...transform.scale);
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

function drawColor(transform: ColorJitterSpec, random: Random): number[] {
  const gray = random.uniform(0, 1) < transform.grayscale;
  const saturation = gray ? 0 : drawSaturation(transform.saturation, random);
  const brightness = around(transform.brightness, random);
  return [0, 1, 2].flatMap((row) => {
    const gain = brightness * around(transform.gain, random);
    return LUMA.map(
      (weight, column) => gain * ((1 - saturation) * weight + (row === column ? saturation : 0)),
    );
  });
}

function around(limit: number, random: Random): number {
  return random.uniform(1 - limit, 1 + limit);
}

function drawSaturation(saturation: ColorJitterSpec["saturation"], random: Random): number {
  return typeof saturation === "number" ? around(saturation, random) : random.uniform(...saturation);
}
