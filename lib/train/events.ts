import type { Evaluation } from "./evaluate.js";
import type { Metrics } from "./metrics.js";

/** What {@link Trainer.fit} yields, in order: many steps and one epoch per epoch, checkpoints where they are written. */
export type TrainingEvent = StepEvent | EpochEvent | CheckpointEvent;

export interface StepEvent extends Metrics {
  type: "step";
  /** From 1. */
  epoch: number;
  /** Steps done, of the whole run. */
  step: number;
  steps: number;
  /** The first parameter group's. */
  learningRate: number;
}

export interface EpochEvent {
  type: "epoch";
  /** From 1. */
  epoch: number;
  epochs: number;
  train: Metrics;
  validation?: Evaluation;
  /** Training throughput of the epoch. */
  imagesPerSecond: number;
  /** Images that could not be read so far, where the loader skips them. */
  skipped: number;
}

export interface CheckpointEvent {
  type: "checkpoint";
  path: string;
  /** Why it was written: at an epoch's end, as the best so far, or because the run was interrupted. */
  reason: "last" | "best" | "interrupted";
}
