import type { Augmentation } from "../image/augmentation.js";
import { decodedPlace, editPixels } from "../image/edit-pixels.js";
import { EncodedImage } from "../image/encoded-image.js";
import { TRAINING_LIMITS, type ImageLimits } from "../image/limits.js";
import type { DamagePolicy } from "../image/inspect-image.js";
import { buildPipeline, type Pipeline } from "../image/pipeline.js";
import { planSample, type SamplePlan } from "../image/plan.js";
import { prepareBatch } from "../image/pixels-to-tensor.js";
import { evaluationTransforms } from "../image/presets.js";
import { randomAt } from "../image/random.js";
import type { RgbImage } from "../image/rgb-image.js";
import type { TransformSpec } from "../image/transforms.js";
import { McLossError } from "../errors.js";
import { holdModel, type Model } from "../models/model.js";
import type { ImageInput } from "../models/prediction.js";
import type { Device } from "../native/dtype.js";
import type { Tensor } from "../tensor/tensor.js";

/** An image as the decoder left it: what prepareInputs() takes. */
export interface DecodedImage {
  /** `pipeline.sampleBytes` */
  pixels: Uint8Array;
  augmentation: Augmentation;
  /** What was wrong with an image that was repaired. */
  repaired?: string | undefined;
}

/** An image as the model sees it: decoded and brought to its input's size, not augmented. */
export interface ModelInput {
  /** Of several views the first. */
  image: RgbImage;
  /** [V, 3, H, W], normalised: one view, or those that the model's transforms make. */
  tensor: Tensor;
}

/**
 * What images go through on their way to `model`.
 * @param limits default: those of training
 * @throws McLossError ERR_CHECKPOINT when the model does not say
 */
export function inputPipeline(
  model: Model,
  transforms?: readonly TransformSpec[],
  limits: ImageLimits = TRAINING_LIMITS,
): Pipeline {
  if (!transforms && !model.info.transforms && !model.info.normalization) {
    const text = "the model does not say how its inputs are made (info.transforms or info.normalization)";
    throw new McLossError("ERR_CHECKPOINT", text);
  }
  return buildPipeline(transforms ?? evaluationTransforms(model), limits);
}

/** @throws McLossError ERR_IMAGE, which names the file where there is one */
export async function decodeInput(
  pipeline: Pipeline,
  source: ImageInput,
  damage: DamagePolicy = "error",
): Promise<DecodedImage> {
  const image = new EncodedImage(source, { limits: pipeline.limits });
  try {
    return await decodePlanned(pipeline, await planSample(pipeline, randomAt(0), image), image, damage);
  } finally {
    await image.release();
  }
}

/** As {@link decodeInput}, by a plan that is drawn already. */
export async function decodePlanned(
  pipeline: Pipeline,
  { decode, edits, augmentation }: SamplePlan,
  image: EncodedImage,
  damage: DamagePolicy = "error",
): Promise<DecodedImage> {
  const pixels = new Uint8Array(pipeline.sampleBytes);
  const decoded = decodedPlace(pipeline, pixels);
  const repaired = await image.decode(decode, decoded, damage);
  await editPixels(pipeline, edits, decoded, pixels);
  return { pixels, augmentation, repaired };
}

/** [N·V, 3, H, W] on `device`, normalised: all views of each image, one image after another. */
export async function prepareInputs(
  pipeline: Pipeline,
  decoded: readonly DecodedImage[],
  device: Device,
): Promise<Tensor> {
  const augmentations = decoded.map(({ augmentation }) => augmentation);
  const images = await prepareBatch(pipeline, { pixels: joined(decoded), augmentations }, device);
  if (!pipeline.views) return images;
  using batched = images;
  return batched.flatten(0, 1);
}

function joined(decoded: readonly DecodedImage[]): Uint8Array {
  const [first] = decoded;
  if (first && decoded.length === 1) return first.pixels;
  return Buffer.concat(decoded.map(({ pixels }) => pixels));
}

/** Reads one image for `model`. @throws McLossError ERR_IMAGE naming the file */
export async function readInput(given: Model, path: string): Promise<ModelInput> {
  using model = holdModel(given);
  const pipeline = inputPipeline(model);
  const decoded = await decodeInput(pipeline, path);
  const { height, width } = pipeline.output;
  const image = { data: decoded.pixels.subarray(0, height * width * 3), height, width };
  return { image, tensor: await prepareInputs(pipeline, [decoded], model.device) };
}
