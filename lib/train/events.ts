import type { ChannelHealth } from "../loss/channel-health.js";
import type { Evaluation, EvaluationSummary } from "./evaluate.js";
import type { Metrics } from "./metrics.js";

/**
 * What {@link Trainer.fit} yields, in order: many steps and one epoch per epoch, checkpoints where they are written, and
 * notices of what is not as it was asked for.
 */
export type TrainingEvent = StepEvent | EpochEvent | CheckpointEvent | NoticeEvent;

/** Of each step, once its metrics are read (see metricsEvery of {@link TrainerOptions}); they are of the step's batch. */
export interface StepEvent extends Metrics {
  type: "step";
  /** From 1. */
  epoch: number;
  /** Steps done, of the whole run. */
  step: number;
  /** Steps of the whole run. */
  steps: number;
  /** Images of the step. */
  images: number;
  /** The first parameter group's. */
  learningRate: number;
  /** How long the step waited for its batch. */
  dataSeconds: number;
}

/** After each epoch, once its record and its checkpoints are on the disk. */
export interface EpochEvent {
  type: "epoch";
  /** From 1. */
  epoch: number;
  epochs: number;
  /** Means over the epoch's training images. */
  train: Metrics;
  /** Absent where the epoch was not validated. */
  validation?: Evaluation;
  /** On the validation images; after the last epoch, unless `channelHealth` of `Trainer.fit` asks for more or less. */
  channels?: ChannelHealth;
  /** How long it took, with its validation. */
  seconds: number;
  /** Training throughput of the epoch. */
  imagesPerSecond: number;
  /** The share of the epoch in which training waited for data, 0 to 1. */
  dataShare: number;
  /** Images that could not be read so far, where the loader skips them. */
  skipped: number;
  /** Steps whose loss was not finite and that updated nothing, where `onNan` is "skip". */
  nonFinite: number;
  /** Whether `earlyStopping` ends the run with it. */
  stoppedEarly?: boolean;
}

/** One line of `metrics.jsonl`: an epoch, without what grows with the square of the classes. */
export interface EpochRecord extends Omit<EpochEvent, "type" | "validation"> {
  /** When it ended, ISO 8601. */
  time: string;
  /** Steps done, of the whole run. */
  step: number;
  /** The first parameter group's, in the epoch's last step. */
  learningRate: number;
  validation?: EvaluationSummary;
}

/** After a checkpoint was written. */
export interface CheckpointEvent {
  type: "checkpoint";
  path: string;
  /** Why it was written: at an epoch's end, as the best so far, or because the run was interrupted. */
  reason: "last" | "best" | "interrupted";
}

/**
 * Once, where an option has no effect, where the diversity component cannot move, or where something of a run that is
 * resumed was missing. Training goes on.
 */
export interface NoticeEvent {
  type: "notice";
  /** The one of {@link TrainerOptions} that has no effect. */
  option?: "cudaGraph";
  /** In words, for people. */
  reason: string;
}
