import { invalidArgument } from "../errors.js";
import { plateauFactor, type Plateau } from "./plateau.js";

/** How a schedule may begin. */
export interface WarmUp {
  /** Epochs over which the rate grows linearly from near 0. Default 0. */
  warmupEpochs?: number;
}

/** How the learning rate changes over a run, as plain data. Factors are of the base learning rate. */
export type Schedule =
  | ({ type: "constant" } & WarmUp)
  /** Half a cosine from the full rate to `minFactor` (default 0), after the warm-up (CosineAnnealingLR). */
  | ({ type: "cosine"; minFactor?: number } & WarmUp)
  /**
   * Half cosines one after another, the first of `period` epochs and each `multiplier` (default 1) times as long as the
   * one before (CosineAnnealingWarmRestarts, SGDR).
   */
  | ({ type: "cosineRestarts"; period: number; multiplier?: number; minFactor?: number } & WarmUp)
  /** Multiplied by `gamma` (default 0.1) every `size` epochs (StepLR). */
  | ({ type: "step"; size: number; gamma?: number } & WarmUp)
  /** Multiplied by `gamma` (default 0.1) at each milestone, in epochs (MultiStepLR). */
  | ({ type: "multiStep"; milestones: readonly number[]; gamma?: number } & WarmUp)
  /** Multiplied by `gamma` in every epoch (ExponentialLR). */
  | ({ type: "exponential"; gamma: number } & WarmUp)
  | OneCycle
  | ({ type: "plateau" } & Plateau & WarmUp);

/** From `startFactor` up to the base rate and down to `endFactor`, step by step (OneCycleLR; Smith & Topin 2019). */
export interface OneCycle {
  type: "oneCycle";
  /** Share of the steps that go up. Default 0.3. */
  upShare?: number;
  /** Default 1/25. */
  startFactor?: number;
  /** Default 1/250 000. */
  endFactor?: number;
  /** Default "cosine". */
  anneal?: "cosine" | "linear";
}

/** Where in a run a learning rate is asked for. */
export interface SchedulePosition {
  /** How much of the run is done, in epochs; fractions count. */
  epoch: number;
  /** Of the whole run. */
  epochs: number;
  /** Default 1. */
  stepsPerEpoch?: number;
  /** What each epoch so far was judged by, such as its validation accuracy; for "plateau". Default: none. */
  metrics?: readonly number[];
}

/** Cosine after 3 warm-up epochs, or as many as fit. */
export function defaultSchedule(epochs: number): Schedule {
  return { type: "cosine", warmupEpochs: Math.min(3, epochs - 1) };
}

/** Throws ERR_ARGUMENT when a schedule does not fit a run of `epochs`. */
export function checkSchedule(schedule: Schedule, epochs: number): void {
  const { warmupEpochs: warmup = 0, ...options } = schedule as Schedule & WarmUp;
  requireThat("warmupEpochs", warmup, `from 0 to less than ${epochs} epochs`, warmup >= 0 && warmup < epochs);
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === "number") requireThat(name, value, "a number of at least 0", value >= 0);
  }
  if (schedule.type === "multiStep") {
    const increasing = schedule.milestones.every((milestone, i, all) => milestone > (all[i - 1] ?? 0));
    requireThat("milestones", schedule.milestones.join(), "positive and increasing", increasing);
  }
  if (schedule.type === "step") requireThat("size", schedule.size, "above 0", schedule.size > 0);
  if (schedule.type === "cosineRestarts") {
    requireThat("period", schedule.period, "above 0", schedule.period > 0);
    const { multiplier = 1 } = schedule;
    requireThat("multiplier", multiplier, "at least 1", multiplier >= 1);
  }
  if (schedule.type === "oneCycle") {
    const { upShare = 0.3 } = schedule;
    requireThat("upShare", upShare, "from 0 to 1", upShare <= 1);
  }
}

/** What the base learning rate is multiplied by. */
export function learningRateFactor(schedule: Schedule, position: SchedulePosition): number {
  if (schedule.type === "oneCycle") return oneCycle(schedule, position);
  const warmup = schedule.warmupEpochs ?? 0;
  const rise = warmup > 0 ? Math.min(1, position.epoch / warmup) : 1;
  return rise * decay(schedule, position, warmup);
}

type Decaying = Exclude<Schedule, OneCycle>;

function decay(
  schedule: Decaying,
  { epoch, epochs, metrics = [] }: SchedulePosition,
  warmup: number,
): number {
  const after = Math.max(0, epoch - warmup);
  switch (schedule.type) {
    case "constant":
      return 1;
    case "cosine":
      return halfCosine(Math.min(1, after / (epochs - warmup)), 1, schedule.minFactor ?? 0);
    case "cosineRestarts":
      return restarts(after, schedule.period, schedule.multiplier ?? 1, schedule.minFactor ?? 0);
    case "step":
      return (schedule.gamma ?? 0.1) ** Math.floor(epoch / schedule.size);
    case "multiStep":
      return (schedule.gamma ?? 0.1) ** schedule.milestones.filter((milestone) => epoch >= milestone).length;
    case "exponential":
      return schedule.gamma ** Math.floor(epoch);
    case "plateau":
      return plateauFactor(schedule, metrics);
  }
}

function restarts(epoch: number, period: number, multiplier: number, minFactor: number): number {
  let [start, length] = [0, period];
  while (epoch >= start + length) {
    start += length;
    length *= multiplier;
  }
  return halfCosine((epoch - start) / length, 1, minFactor);
}

function oneCycle(schedule: OneCycle, position: SchedulePosition): number {
  const { upShare = 0.3, startFactor = 1 / 25, endFactor = 1 / 250_000, anneal = "cosine" } = schedule;
  const { epoch, epochs, stepsPerEpoch = 1 } = position;
  const [step, steps] = [epoch * stepsPerEpoch, epochs * stepsPerEpoch];
  // PyTorch counts from the first step to the last, and the top is one of them.
  const top = upShare * steps - 1;
  const last = steps - 1;
  const between = anneal === "cosine" ? halfCosine : straight;
  if (step <= top) return between(step / top, startFactor, 1);
  return between(Math.min(1, (step - top) / (last - top)), 1, endFactor);
}

function halfCosine(share: number, from: number, to: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2;
}

function straight(share: number, from: number, to: number): number {
  return from + (to - from) * share;
}

function requireThat(name: string, value: number | string, range: string, valid: boolean): void {
  if (!valid) throw invalidArgument(`schedule.${name}`, `must be ${range}, got ${value}`);
}
