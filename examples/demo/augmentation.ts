import {
  colorMatrix,
  normalize,
  randomAffine,
  resize,
  type TakesImages,
  type TransformSpec,
} from "mutual-channel-loss/data";

/** For drawings on white: no flip, as left and right matter, and colours that must not be relied on. */
export function drawingAugmentation({ spec, info }: TakesImages): TransformSpec[] {
  const { height, width } = spec.input;
  return [
    resize({ height, width }, { interpolation: "lanczos" }),
    randomAffine({
      degrees: 15,
      translate: 0.06,
      scale: [0.8, 1.2],
      aspect: 0.1,
      shear: 7,
      fill: [255, 255, 255],
    }),
    colorMatrix({ brightness: 0.15, contrast: 0.3, saturation: [0, 1.3], gain: 0.2, grayscale: 0.2 }),
    normalize(info.normalization),
  ];
}
