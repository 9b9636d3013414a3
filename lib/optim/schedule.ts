import { z } from "zod";
import { invalidArgument } from "../errors.js";
import { index, optionsOf, parseOptions, rate, share } from "../schema.js";
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

const warmupEpochs = rate.optional();
const minFactor = rate.optional();
const gamma = rate.optional();

/** {@link Schedule} */
export const scheduleSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("constant"), warmupEpochs }),
  z.strictObject({ type: z.literal("cosine"), minFactor, warmupEpochs }),
  z.strictObject({
    type: z.literal("cosineRestarts"),
    period: z.number().gt(0),
    multiplier: z.number().min(1).optional(),
    minFactor,
    warmupEpochs,
  }),
  z.strictObject({ type: z.literal("step"), size: z.number().gt(0), gamma, warmupEpochs }),
  z.strictObject({ type: z.literal("multiStep"), milestones: z.array(rate).readonly(), gamma, warmupEpochs }),
  z.strictObject({ type: z.literal("exponential"), gamma: rate, warmupEpochs }),
  z.strictObject({
    type: z.literal("oneCycle"),
    upShare: share.optional(),
    startFactor: rate.optional(),
    endFactor: rate.optional(),
    anneal: z.enum(["cosine", "linear"]).optional(),
  }),
  z.strictObject({
    type: z.literal("plateau"),
    mode: z.enum(["max", "min"]).optional(),
    factor: rate.optional(),
    patience: index.optional(),
    threshold: rate.optional(),
    cooldown: index.optional(),
    minFactor,
    warmupEpochs,
  }),
]);

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

/** @throws McLossError ERR_ARGUMENT for a schedule that is none, or that does not fit a run of `epochs` */
export function checkSchedule(schedule: Schedule, epochs: number): void {
  parseOptions(scheduleSchema, schedule, "schedule");
  const { warmupEpochs: warmup = 0 } = schedule as Schedule & WarmUp;
  requireThat("warmupEpochs", warmup, `from 0 to less than ${epochs} epochs`, warmup < epochs);
  if (schedule.type !== "multiStep") return;
  const increasing = schedule.milestones.every((milestone, i, all) => milestone > (all[i - 1] ?? 0));
  requireThat("milestones", schedule.milestones.join(), "positive and increasing", increasing);
}

const positionSchema = optionsOf<SchedulePosition>({
  epoch: rate,
  epochs: z.number().gt(0),
  stepsPerEpoch: z.number().gt(0).optional(),
  metrics: z.array(z.number()).readonly().optional(),
});

/**
 * What the base learning rate is multiplied by.
 * @throws McLossError ERR_ARGUMENT
 */
export function learningRateFactor(schedule: Schedule, position: SchedulePosition): number {
  parseOptions(scheduleSchema, schedule, "schedule");
  return factorAt(schedule, parseOptions(positionSchema, position, "position"));
}

/** As {@link learningRateFactor}, of what was checked before. */
export function factorAt(schedule: Schedule, position: SchedulePosition): number {
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
  // Where at most one step goes up, it is the top.
  if (step <= top) return top > 0 ? between(step / top, startFactor, 1) : 1;
  if (last <= top) return 1;
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
