import type { Dataset, Sample } from "../data/dataset.js";
import type { ImageLimitOptions } from "../image/limits.js";
import { evaluationTransforms } from "../image/presets.js";
import { DataLoader } from "../loader/data-loader.js";
import { flattenViews } from "../models/evaluation.js";
import { holdModel, type Model } from "../models/model.js";
import type { AbortOptions } from "../native/abortable.js";
import { inferenceMode } from "../tensor/grad-mode.js";
import { tidy } from "../tensor/scope.js";
import { averagedProbabilities } from "./rank-classes.js";

/** An image and the probability of each class. */
export interface ClassProbabilities<T extends Sample> {
  sample: T;
  /** [K] */
  probabilities: Float32Array;
}

interface ProbabilitiesOptions extends AbortOptions {
  limits?: ImageLimitOptions;
  onBatch?: (done: number, total: number) => void;
}

const BATCH_SIZE = 64;

/** What a model makes of every image of a data set. Images that cannot be read are left out. */
export async function classProbabilities<T extends Sample>(
  given: Model,
  images: Dataset<T>,
  { limits, signal, onBatch }: ProbabilitiesOptions = {},
): Promise<ClassProbabilities<T>[]> {
  using model = holdModel(given);
  const transforms = evaluationTransforms(model);
  const how = { batchSize: BATCH_SIZE, onBadImage: "skip", device: model.device } as const;
  const loader = new DataLoader(images, { ...limits, ...how, transforms });
  const all: ClassProbabilities<T>[] = [];
  let done = 0;
  for await (const batch of loader.batches({ signal })) {
    using current = batch;
    const { samples } = current;
    const rows = await inferenceMode(() =>
      tidy(async () => {
        const inputs = flattenViews(current.images);
        const { logits } = await model.forward(inputs, { training: false, signal });
        const views = (inputs.shape[0] ?? 1) / samples.length;
        return (await averagedProbabilities(logits, views).data()) as Float32Array;
      }),
    );
    const classes = rows.length / samples.length;
    samples.forEach((sample, i) =>
      all.push({ sample, probabilities: rows.slice(i * classes, (i + 1) * classes) }),
    );
    done += 1;
    onBatch?.(done, loader.length);
  }
  return all;
}
