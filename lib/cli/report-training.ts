import { summarize } from "../train/evaluate.js";
import type { EpochEvent, NoticeEvent, TrainingEvent } from "../train/events.js";
import { percent, printJsonLine } from "./format.js";
import { printLine, showsBars, startProgress, type Progress } from "./progress.js";
import { describeAccuracies, describeTerms, TrainingStatus } from "./training-status.js";

/** What a run ended with. */
export interface TrainingReport<Result> {
  last: EpochEvent | undefined;
  /** What the events' generator returned. */
  result: Result;
}

interface ReportOptions {
  /** What a line begins with. */
  label: string;
  /** Of the whole run. */
  epochs: number;
  json: boolean;
}

/** Shows a run: a bar with ETA on a terminal, one line per epoch elsewhere, JSON lines when asked. */
export async function reportTraining<Result>(
  events: AsyncIterator<TrainingEvent, Result, void>,
  { label, epochs, json }: ReportOptions,
): Promise<TrainingReport<Result>> {
  const status = new TrainingStatus(epochs);
  let progress: Progress | undefined;
  let last: EpochEvent | undefined;
  try {
    for (;;) {
      const { done, value: event } = await events.next();
      if (done) return { last, result: event };
      if (event.type === "epoch") {
        last = event;
        reportEpoch(event, label, json);
      } else if (event.type === "notice") {
        reportNotice(event, json);
      } else if (event.type === "step" && showsBars()) {
        progress ??= startProgress(label, event.steps, event.step - 1);
        progress.update(event.step, status.describe(event, last));
      }
    }
  } finally {
    progress?.stop();
  }
}

function reportEpoch(event: EpochEvent, label: string, json: boolean): void {
  if (json) printJsonLine(withoutMatrix(event));
  else if (!showsBars()) printLine(`${label} ${epochLine(event)}`);
}

function reportNotice(event: NoticeEvent, json: boolean): void {
  if (json) printJsonLine(event);
  else printLine(event.option ? `${flagOf(event.option)} has no effect: ${event.reason}` : event.reason);
}

/** "cudaGraph" as the command line has it. */
function flagOf(option: string): string {
  return `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function withoutMatrix({ validation, ...event }: EpochEvent) {
  return { ...event, validation: validation && summarize(validation) };
}

function epochLine(event: EpochEvent): string {
  const { epoch, epochs, train, imagesPerSecond, dataShare, nonFinite } = event;
  return [
    `epoch ${epoch}/${epochs}`,
    describeTerms(train),
    ...describeAccuracies(event),
    `${Math.round(imagesPerSecond)} images/s`,
    `${percent(dataShare)} waiting for data`,
    ...(nonFinite > 0 ? [describeSkippedSteps(nonFinite)] : []),
  ].join(" · ");
}

/** Of `--on-nan skip`. */
export function describeSkippedSteps(count: number): string {
  return `${count} ${count === 1 ? "step" : "steps"} skipped: the loss was not finite`;
}
