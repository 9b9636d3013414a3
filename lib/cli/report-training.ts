import type { EpochEvent, TrainingEvent } from "../train/events.js";
import { decimals, percent } from "./format.js";
import { printLine, startProgress, type Progress } from "./progress.js";

/** Shows a run: a bar with ETA on a terminal, one line per epoch elsewhere, JSON lines when asked. */
export async function reportTraining(
  events: AsyncIterable<TrainingEvent>,
  label: string,
  json: boolean,
): Promise<EpochEvent | undefined> {
  let progress: Progress | undefined;
  let last: EpochEvent | undefined;
  try {
    for await (const event of events) {
      if (event.type === "epoch") last = event;
      if (event.type === "epoch" && json) process.stdout.write(`${JSON.stringify(event)}\n`);
      else if (event.type === "epoch" && !process.stderr.isTTY) printLine(`${label} ${epochLine(event)}`);
      if (event.type !== "step" || !process.stderr.isTTY) continue;
      progress ??= startProgress(label, event.steps);
      progress.update(event.step, `loss ${decimals(event.loss)}${last ? ` · ${epochLine(last)}` : ""}`);
    }
  } finally {
    progress?.stop();
  }
  return last;
}

function epochLine({ epoch, epochs, train, validation, imagesPerSecond }: EpochEvent): string {
  const terms = `CE ${decimals(train.crossEntropy)} · L_dis ${decimals(train.discriminality)} · L_div ${decimals(train.diversity)}`;
  const heldOut = validation ? ` · held-out ${percent(validation.accuracy)}` : "";
  return `epoch ${epoch}/${epochs} · ${terms}${heldOut} · ${Math.round(imagesPerSecond)} images/s`;
}
