import { z } from "zod";
import { invalidArgument } from "../errors.js";
import { optionsOf, parseOptions, rate } from "../schema.js";
import type { ScheduleDefinition } from "./schedules/definition.js";
import type { SchedulePosition } from "./schedules/position.js";
import { schedules, type Schedule } from "./schedules.js";

/** Cosine after 3 warm-up epochs, or as many as fit. */
export function defaultSchedule(epochs: number): Schedule {
  return { type: "cosine", warmupEpochs: Math.min(3, epochs - 1) };
}

/** @throws McLossError ERR_ARGUMENT for a schedule that is none, or that does not fit a run of `epochs` */
export function checkSchedule(schedule: Schedule, epochs: number): void {
  const { type, ...options } = parseOptions(schedules.filled, schedule, "schedule");
  const { warmupEpochs = 0 } = options as { warmupEpochs?: number };
  if (warmupEpochs >= epochs) {
    const text = `must be from 0 to less than ${epochs} epochs, got ${warmupEpochs}`;
    throw invalidArgument("schedule.warmupEpochs", text);
  }
  const definition: ScheduleDefinition = schedules.get(type);
  const problem = definition.check?.(options);
  if (problem) throw invalidArgument(`schedule.${problem[0]}`, problem[1]);
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
  return factorsOf(schedule)(parseOptions(positionSchema, position, "position"));
}

/**
 * {@link learningRateFactor} of one schedule, for positions that need no checks.
 * @throws McLossError ERR_ARGUMENT
 */
export function factorsOf(schedule: Schedule): (position: SchedulePosition) => number {
  const { type, ...options } = parseOptions(schedules.filled, schedule, "schedule");
  const { warmupEpochs = 0 } = options as { warmupEpochs?: number };
  const definition: ScheduleDefinition = schedules.get(type);
  return ({ epoch, epochs, stepsPerEpoch = 1, metrics = [] }) => {
    const rise = warmupEpochs > 0 ? Math.min(1, epoch / warmupEpochs) : 1;
    return rise * definition.factor(options, { epoch, epochs, stepsPerEpoch, metrics });
  };
}
