import { invalidArgument } from "../errors.js";
import type { Schedule } from "../optim/schedules.js";

/** Names of the figures that epochs may be judged by. */
export const MONITORS = [
  "accuracy",
  "loss",
  "balancedAccuracy",
  "macroF1",
  "validation.accuracy",
  "validation.loss",
  "validation.balancedAccuracy",
  "validation.macroF1",
  "train.accuracy",
  "train.loss",
] as const;

/**
 * What epochs are judged by: a figure of the held-out or of the training images. "accuracy" and "loss" are of the held-out
 * images and, in a run without any, of the training images; "balancedAccuracy" and "macroF1", in which each class counts alike,
 * are of held-out images alone.
 */
export type Monitor = (typeof MONITORS)[number];

/** One figure of an epoch's record. */
export interface Figure {
  part: "train" | "validation";
  term: "accuracy" | "loss" | "balancedAccuracy" | "macroF1";
}

/** A trainer's options that belong together, completed. */
export interface Judgement {
  monitor: Monitor;
  schedule: Schedule;
}

/**
 * The monitored figure is an accuracy, unless it is said otherwise or a plateau waits for something to fall; a plateau
 * waits for an accuracy to rise and for a loss to fall.
 * @throws McLossError ERR_ARGUMENT where the two contradict each other
 */
export function resolveJudgement(given: Monitor | undefined, schedule: Schedule): Judgement {
  if (schedule.type !== "plateau") return { monitor: given ?? "accuracy", schedule };
  const monitor = given ?? (schedule.mode === "min" ? "loss" : "accuracy");
  const mode = termOf(monitor) === "loss" ? "min" : "max";
  if (schedule.mode !== undefined && schedule.mode !== mode) {
    throw invalidArgument("schedule.mode", `must be "${mode}" where the monitor is "${monitor}"`);
  }
  return { monitor, schedule: { ...schedule, mode } };
}

/** @throws McLossError ERR_ARGUMENT where there are no held-out images that it could be of */
export function monitoredFigure(monitor: Monitor, validated: boolean): Figure {
  const term = termOf(monitor);
  if (monitor.startsWith("train.")) return { part: "train", term };
  if (validated) return { part: "validation", term };
  if (monitor === "accuracy" || monitor === "loss") return { part: "train", term: monitor };
  throw invalidArgument("monitor", `is "${monitor}", which needs the option validation`);
}

/** Its value in an epoch, or in the record of one; undefined where it was not measured. */
export function figureIn(
  { train, validation }: { train: Figures; validation?: Figures },
  { part, term }: Figure,
): number | undefined {
  return (part === "train" ? train : validation)?.[term];
}

type Figures = Partial<Record<Figure["term"], number>>;

/** Whether it is strictly better; NaN never is. */
export function isBetter({ term }: Figure, value: number, best: number | undefined): boolean {
  if (best === undefined) return !Number.isNaN(value);
  return term === "loss" ? value < best : value > best;
}

function termOf(monitor: Monitor): Figure["term"] {
  return monitor.replace(/^\w+\./, "") as Figure["term"];
}
