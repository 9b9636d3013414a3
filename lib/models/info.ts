import { z } from "zod";
import { transformList, type TransformSpec } from "../image/transforms.js";
import { optionsOf, parse, type Shape } from "../schema.js";

/** One number for each channel of an image. */
export type PerChannel = readonly [red: number, green: number, blue: number];

/** What images a model takes and what its outputs mean; travels in checkpoints. */
export interface ModelInfo {
  /** The classes' names, in the order of the logits. */
  classNames?: readonly string[];
  /** What images go through before they are its inputs, in evaluation. */
  transforms?: readonly TransformSpec[];
  /** Per-channel mean and standard deviation of inputs in [0, 1], where `transforms` does not say. */
  normalization?: { mean: PerChannel; std: PerChannel };
}

const rgb = z.tuple([z.number(), z.number(), z.number()]);

const modelInfoShape = {
  classNames: z.array(z.string()).optional(),
  transforms: transformList.optional(),
  // A normalize() transform is one.
  normalization: z.object({ mean: rgb, std: rgb }).optional(),
} satisfies Shape<ModelInfo>;

/** Of a file, which another version may have written. */
export const modelInfo = z.object(modelInfoShape);

/** As users give it. */
export const modelInfoOptions = optionsOf<ModelInfo>(modelInfoShape);

/**
 * Checks untrusted data and gives it back as a model's info.
 * @throws McLossError ERR_ARGUMENT that names the path of the bad part
 */
export function parseModelInfo(value: unknown): ModelInfo {
  return parse(modelInfo, value);
}
