import { McLossError } from "../errors.js";
import type { SkippedImage } from "../loader/bad-images.js";
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

/** Of a step. */
export function nonFiniteLoss(
  metrics: Metrics,
  epoch: number,
  paths: readonly string[],
  lastCheckpoint: string | undefined,
): McLossError {
  const { loss, accuracy, ...measured } = metrics;
  const terms = Object.entries(measured).map(([name, value]) => `${TERM_NAMES[name] ?? name} ${value}`);
  const text =
    `the loss became ${loss} in epoch ${epoch} (${terms.join(", ")}); lower the learning rate, or look at the ` +
    `batch's files: ${paths.join(", ")}.${lastGood(lastCheckpoint)}`;
  return new McLossError("ERR_NAN_LOSS", text);
}

export function nonFiniteWeights(epoch: number, lastCheckpoint: string | undefined): McLossError {
  const text = `the weights became infinite or NaN in epoch ${epoch} and were not saved; lower the learning rate.`;
  return new McLossError("ERR_NAN_LOSS", text + lastGood(lastCheckpoint));
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
