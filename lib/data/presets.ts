import type { Model } from "../models/model.js";
import {
  colorJitter,
  normalize,
  randomAffine,
  randomCrop,
  randomHorizontalFlip,
  resize,
  type Rgb,
  type TransformSpec,
} from "./transforms.js";

/** How much training images are changed: not at all, as the released code (padded crop and flip), or more. */
export type AugmentationLevel = "none" | "flip" | "strong";

const WHITE: Rgb = [255, 255, 255];

/** What a model's inputs go through, without augmentation. */
export function evaluationTransforms(model: Model): TransformSpec[] {
  const { height, width } = model.spec.input;
  return [resize({ height, width }), normalize(model.info.normalization)];
}

/** What training images go through. */
export function augmentation(model: Model, level: AugmentationLevel): TransformSpec[] {
  const { height, width } = model.spec.input;
  return [resize({ height, width }), ...RANDOM[level], normalize(model.info.normalization)];
}

const RANDOM: Record<AugmentationLevel, readonly TransformSpec[]> = {
  none: [],
  flip: [randomCrop({ padding: 4 }), randomHorizontalFlip()],
  strong: [
    randomHorizontalFlip(),
    randomAffine({ degrees: 15, translate: 0.06, scale: [0.8, 1.2], aspect: 0.1, shear: 7 }),
    colorJitter({ brightness: 0.2, contrast: 0.3, saturation: 0.3, gain: 0.1 }),
  ],
};

/** For drawings on white: no flip, as left and right matter, and colours that must not be relied on. */
export function drawingAugmentation(model: Model): TransformSpec[] {
  const { height, width } = model.spec.input;
  return [
    resize({ height, width }),
    randomAffine({ degrees: 15, translate: 0.06, scale: [0.8, 1.2], aspect: 0.1, shear: 7, fill: WHITE }),
    colorJitter({ brightness: 0.15, contrast: 0.3, saturation: [0, 1.3], gain: 0.2, grayscale: 0.2 }),
    normalize(model.info.normalization),
  ];
}
