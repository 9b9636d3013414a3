import type { EpochEvent, TrainingEvent } from "../train/events.js";
import { decimals, percent } from "./format.js";
import { printLine, startProgress, type Progress } from "./progress.js";

/** What a run ended with. */
export interface TrainingReport<Result> {
  last: EpochEvent | undefined;
  /** What the events' generator returned. */
  result: Result;
}

/** Shows a run: a bar with ETA on a terminal, one line per epoch elsewhere, JSON lines when asked. */
export async function reportTraining<Result>(
  events: AsyncGenerator<TrainingEvent, Result, void>,
  label: string,
  json: boolean,
): Promise<TrainingReport<Result>> {
  let progress: Progress | undefined;
  let last: EpochEvent | undefined;
  try {
    for (;;) {
      const { done, value: event } = await events.next();
      if (done) return { last, result: event };
      if (event.type === "epoch") {
        last = event;
        reportEpoch(event, label, json);
      } else if (event.type === "step" && process.stderr.isTTY) {
        progress ??= startProgress(label, event.steps);
        progress.update(event.step, `loss ${decimals(event.loss)}${last ? ` · ${epochLine(last)}` : ""}`);
      }
    }
  } finally {
    progress?.stop();
  }
}

function reportEpoch(event: EpochEvent, label: string, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify(event)}\n`);
  else if (!process.stderr.isTTY) printLine(`${label} ${epochLine(event)}`);
}

function epochLine({ epoch, epochs, train, validation, imagesPerSecond }: EpochEvent): string {
  const terms = `CE ${decimals(train.crossEntropy)} · L_dis ${decimals(train.discriminality)} · L_div ${decimals(train.diversity)}`;
  const heldOut = validation ? ` · held-out ${percent(validation.accuracy)}` : "";
  return `epoch ${epoch}/${epochs} · ${terms}${heldOut} · ${Math.round(imagesPerSecond)} images/s`;
}
