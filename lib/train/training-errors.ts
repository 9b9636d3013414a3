import { McLossError } from "../errors.js";
import type { SkippedImage } from "../loader/bad-images.js";
import type { DataLoader } from "../loader/data-loader.js";
import type { Metrics } from "./metrics.js";
import type { Progress } from "./progress.js";

const TERM_NAMES: Readonly<Record<string, string>> = { crossEntropy: "cross-entropy", center: "center loss" };

/** @param lastCheckpoint what the run can go on from, if there is something */
export function interrupted(
  { epoch }: Progress,
  when: string,
  lastCheckpoint: string | undefined,
  cause: unknown,
): McLossError {
  const saved = lastCheckpoint === undefined ? "" : `; the run can go on from ${lastCheckpoint}`;
  const text = `interrupted in epoch ${epoch}${when === "" ? "" : ` ${when}`}${saved}`;
  return new McLossError("ERR_ABORTED", text, { cause });
}

/** The files of a step's batch. */
export interface StepFiles {
  paths: readonly string[];
  /** Of this process, and of those whose loss was not finite, where there are several. */
  rank?: number;
  ranks?: readonly number[];
}

/** Of a step. */
export function nonFiniteLoss(
  metrics: Metrics,
  epoch: number,
  { paths, rank, ranks }: StepFiles,
  lastCheckpoint: string | undefined,
): McLossError {
  const { loss, accuracy, ...measured } = metrics;
  const terms = Object.entries(measured).map(([name, value]) => `${TERM_NAMES[name] ?? name} ${value}`);
  const isOwn = rank === undefined || ranks === undefined || ranks.includes(rank);
  const files = isOwn
    ? `look at the batch's files: ${paths.join(", ")}`
    : `look at the batch's files of rank ${ranks.join(", ")}, which that process names`;
  const text = `the loss became ${loss} in epoch ${epoch} (${terms.join(", ")}); lower the learning rate, or ${files}.`;
  return new McLossError("ERR_NAN_LOSS", text + lastGood(lastCheckpoint), { ranks });
}

export function nonFiniteWeights(epoch: number, lastCheckpoint: string | undefined): McLossError {
  const text = `the weights became infinite or NaN in epoch ${epoch} and were not saved; lower the learning rate.`;
  return new McLossError("ERR_NAN_LOSS", text + lastGood(lastCheckpoint));
}

/** Of a process whose part of an epoch ended before that of the others. */
export function tooFewBatches({ epoch, batches }: Progress, train: DataLoader): McLossError {
  const text = `epoch ${epoch} had ${batches} batches of ${train.length} in this process (${train.skipped.length} images could not be read), and all processes must have equally many: mend the images`;
  return new McLossError("ERR_DATASET", text, { path: train.skipped[0]?.path });
}

/** Of an epoch that made no update. */
export function nothingTrained(
  { epoch, batches, nonFinite }: Progress,
  skipped: readonly SkippedImage[],
  lastCheckpoint: string | undefined,
): McLossError {
  if (nonFinite > 0) {
    const text = `the loss was not finite in any update of epoch ${epoch} (${nonFinite} of ${batches} steps), so that nothing was trained; lower the learning rate.`;
    return new McLossError("ERR_NAN_LOSS", text + lastGood(lastCheckpoint));
  }
  const [first] = skipped;
  const example = first ? `, such as ${first.path}: ${first.reason}` : "";
  const text =
    `epoch ${epoch} had no batch, so that nothing was trained: ${skipped.length} images could not be read${example}. ` +
    `Mend them, or make the batches smaller (batchSize) or keep those that are not full (dropLast)`;
  return new McLossError("ERR_DATASET", text, { path: first?.path });
}

function lastGood(checkpoint: string | undefined): string {
  return checkpoint === undefined ? "" : ` The last good model is in ${checkpoint}.`;
}

/** Whether it is what an aborted signal makes. */
export function isAbort(error: unknown): boolean {
  return error instanceof McLossError && error.code === "ERR_ABORTED";
}
