import type { Batch } from "../loader/batch.js";
import type { DataLoader } from "../loader/data-loader.js";

/** A plan takes as long to make as it saves in 5 images (MobileNetV2 at 224) to 25 (a small network). */
const WORTHWHILE_IMAGES = 32;

/** Whether so much is to be evaluated, of which `first` is a batch, that it goes through a plan for inference. */
export function isWorthPlan({ images }: Batch, loader: DataLoader): boolean {
  const [samples = 0, views = 1] = images.ndim === 5 ? images.shape : [images.shape[0]];
  return images.device === "cpu" && samples * views * loader.length >= WORTHWHILE_IMAGES;
}
