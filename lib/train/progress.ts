import type { TrainingPosition } from "../run/last-checkpoint.js";
import { MetricsSum } from "./metrics.js";

/** Where a run is; what a resume goes on from. */
export interface Progress extends Omit<TrainingPosition, "sums" | "loader" | "loaders"> {
  /** Over the epoch's batches. */
  sum: MetricsSum;
}

const NO_BATCH = {
  batches: 0,
  trained: false,
  updates: 0,
  nonFinite: 0,
  milliseconds: 0,
  waited: 0,
} as const;

/** @param channels whether steps measure the terms of MC-Loss */
export function beginning(channels: boolean): Progress {
  return { ...NO_BATCH, epoch: 1, sum: new MetricsSum(channels), nonFiniteBefore: 0, best: null, judged: [] };
}

/** Where a run is once an epoch is judged. */
export function afterEpoch(done: Progress, channels: boolean): Progress {
  return {
    ...NO_BATCH,
    epoch: done.epoch + 1,
    sum: new MetricsSum(channels),
    nonFiniteBefore: done.nonFiniteBefore + done.nonFinite,
    best: done.best,
    judged: done.judged,
  };
}
