import { throwIfAborted } from "../abort.js";
import type { DataLoader } from "../data/loader.js";
import type { Model } from "../models/model.js";
import { native, type ObjectiveOptions } from "../native/binding.js";
import { buildObjective, type LossOptions } from "./objective.js";
import { MetricsSum, type Metrics } from "./metrics.js";

export interface Evaluation extends Metrics {
  /** Accuracy of the channel groups alone: argmax of the groups' scores, without the classifier. */
  groupAccuracy: number;
  images: number;
  /** Images that could not be read, where the loader skips them. */
  skipped: number;
}

export interface EvaluateOptions {
  /** What `loss` is made of; the terms are reported in any case. Default "ce". */
  loss?: LossOptions;
  signal?: AbortSignal;
  /** Called after each batch. */
  onBatch?: (done: number, total: number) => void;
}

/** Losses and accuracy of `model` in evaluation mode over everything that `loader` yields. */
export async function evaluate(
  model: Model,
  loader: DataLoader,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  return evaluateObjective(model, loader, buildObjective(model, options.loss ?? "ce", 0), options);
}

/** As {@link evaluate}, with an objective that is built already. */
export async function evaluateObjective(
  model: Model,
  loader: DataLoader,
  objective: ObjectiveOptions,
  options: Pick<EvaluateOptions, "signal" | "onBatch"> = {},
): Promise<Evaluation> {
  const sum = new MetricsSum();
  let done = 0;
  for await (const batch of loader) {
    throwIfAborted(options.signal, "the evaluation");
    sum.add(await native().evaluateBatch(model.handle, batch.images.handle, batch.labels.handle, objective));
    batch.dispose();
    done += 1;
    options.onBatch?.(done, loader.length);
  }
  const groupAccuracy = sum.size > 0 ? sum.groupsCorrect / sum.size : 0;
  return { ...sum.mean(), groupAccuracy, images: sum.size, skipped: loader.skipped.length };
}
