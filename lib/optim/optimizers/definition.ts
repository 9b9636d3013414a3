import type { Definition, Filled, OptionShape } from "../../definition.js";
import { rate } from "../../schema.js";

/** An option's name, and what is wrong with it. */
export type OptionProblem = readonly [option: string, problem: string];

/** One optimizer. */
export interface OptimizerDefinition<
  Name extends string = string,
  Options extends OptionShape = typeof learningRate,
> extends Definition<Name, Options> {
  /** native/train's name of the algorithm. */
  readonly algorithm: string;
  /** What native/train takes of a group beside the options, to tell variants of an algorithm apart. */
  readonly variant?: Readonly<Record<string, unknown>>;
  /** Finds options that do not fit together. */
  check?(options: Filled<Options>): OptionProblem | undefined;
}

/** An optimizer; the class {@link Optimizer} makes it. */
export function defineOptimizer<const Name extends string, Options extends typeof learningRate>(
  definition: OptimizerDefinition<Name, Options>,
): OptimizerDefinition<Name, Options> {
  return definition;
}

/** What all optimizers have. */
export const learningRate = {
  /** What a step is multiplied by. */
  learningRate: rate,
};
