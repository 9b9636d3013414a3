import type { AbortOptions } from "../native/abortable.js";
import { inferenceMode } from "../tensor/grad-mode.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Model } from "./model.js";

/** Of V views of each image [N, V, 3, H, W] all, one below the other: [N·V, 3, H, W]; other images as they are. */
export function flattenViews(images: Tensor): Tensor {
  return images.ndim === 5 ? images.flatten(0, 1) : images;
}

/** The features [N·V, C, h, w] of images, or of their views, in evaluation mode and without gradients. */
export async function evaluateFeatures(
  model: Model,
  images: Tensor,
  { signal }: AbortOptions = {},
): Promise<Tensor> {
  const { features, logits } = await inferenceMode(() =>
    model.forward(flattenViews(images), { signal, training: false }),
  );
  logits.dispose();
  return features;
}
