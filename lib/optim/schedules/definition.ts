import type { Definition, Filled, OptionShape } from "../../definition.js";
import { rate } from "../../schema.js";
import type { OptionProblem } from "../optimizers/definition.js";
import type { SchedulePosition } from "./position.js";

/** One schedule of the learning rate. */
export interface ScheduleDefinition<
  Name extends string = string,
  Options extends OptionShape = OptionShape,
> extends Definition<Name, Options> {
  /** What the base rate is multiplied by; where there is a warm-up, it is multiplied by that too. */
  factor(options: Filled<Options>, position: Required<SchedulePosition>): number;
  /** Finds options that do not fit together. */
  check?(options: Filled<Options>): OptionProblem | undefined;
}

/** A schedule. */
export function defineSchedule<const Name extends string, Options extends OptionShape>(
  definition: ScheduleDefinition<Name, Options>,
): ScheduleDefinition<Name, Options> {
  return definition;
}

/** How a schedule may begin. */
export const warmUp = {
  /** Epochs over which the rate grows linearly from near 0. */
  warmupEpochs: rate.default(0),
};

/** The part of the run after the warm-up, in epochs, and how much of it is done. */
export function afterWarmUp(
  { warmupEpochs }: { warmupEpochs: number },
  { epoch, epochs }: SchedulePosition,
): { done: number; whole: number } {
  return { done: Math.max(0, epoch - warmupEpochs), whole: epochs - warmupEpochs };
}
