import { z } from "zod";
import { compose, type Matrix } from "../augmentation.js";
import { color, range } from "../transform-options.js";
import { defineStep, make, type Made, type OptionsOf } from "../transform.js";

const definition = defineStep({
  name: "randomAffine",
  stage: "step",
  summary:
    "Rotation, shift, scale, aspect and shear about the image's centre, each up to a limit either way (torchvision RandomAffine, bilinear, and aspect)",
  options: {
    /** Rotation, in degrees. */
    degrees: z.number().min(0).max(180).default(0),
    /** Shift, as a share of width and height. */
    translate: z.number().min(0).max(1).default(0),
    /** Range of the scale. */
    scale: range(0.01, 100).default([1, 1]),
    /** Stretching in x by up to this share, undone in y. */
    aspect: z.number().min(0).max(0.9).default(0),
    /** Shearing along x, in degrees. */
    shear: z.number().min(0).max(80).default(0),
    /** The colour of what comes in from outside, 0 to 255. */
    fill: color.default([0, 0, 0]),
  },
  changes: ["matrix"],
  draw({ degrees, translate, scale: range, aspect, shear: most }, random, { height, width }) {
    const either = (limit: number) => random.uniform(-limit, limit);
    const angle = (either(degrees) * Math.PI) / 180;
    const scale = random.uniform(range[0], range[1]);
    const stretch = 1 + either(aspect);
    const shear = Math.tan((either(most) * Math.PI) / 180);
    const shiftX = 2 * either(translate);
    const shiftY = 2 * either(translate);
    // Output to input, in pixels from the centre: undo the rotation, then the shear, then the scale.
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const [scaleX, scaleY] = [scale * stretch, scale / stretch];
    const xx = (cos - shear * -sin) / scaleX;
    const xy = (sin - shear * cos) / scaleX;
    const yx = -sin / scaleY;
    const yy = cos / scaleY;
    // From pixels to [−1, 1] in each direction, with the shift taken off first.
    const matrix: Matrix = [xx, (xy * height) / width, 0, (yx * width) / height, yy, 0];
    return { matrix: compose(matrix, [1, 0, -shiftX, 0, 1, -shiftY]) };
  },
});

/** What {@link randomAffine} makes. */
export type RandomAffineSpec = Made<typeof definition>;

/**
 * Rotation, shift, scale, aspect and shear about the image's centre, each up to a limit either way (torchvision
 * RandomAffine and RandomRotation with bilinear interpolation, and aspect).
 * @param options.degrees rotation
 * @param options.translate shift, as a share of width and height
 * @param options.scale range of the scale
 * @param options.aspect stretching in x by up to this share, undone in y
 * @param options.shear shearing along x, in degrees
 * @param options.fill colour of what comes in from outside, 0 to 255
 */
export function randomAffine(options: OptionsOf<typeof definition>): RandomAffineSpec {
  return make(definition, {}, options);
}
/** @internal */
randomAffine.definition = definition;
