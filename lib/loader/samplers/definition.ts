import type { Dataset } from "../../data/dataset.js";
import type { Definition, Filled, OptionShape } from "../../definition.js";
import type { Random } from "../../image/random.js";

/** An option's name, and what is wrong with it. */
export type OptionProblem = readonly [option: string, problem: string];

/** One way to choose and order an epoch's samples. */
export interface SamplerDefinition<
  Name extends string = string,
  Options extends OptionShape = OptionShape,
> extends Definition<Name, Options> {
  /** Whether images that cannot be read are made up for, so that an epoch has as many as it counts. Default false. */
  readonly refill?: boolean;
  /** Samples per epoch. */
  count(options: Filled<Options>, dataset: Dataset): number;
  /** One epoch's sample numbers. */
  draw(options: Filled<Options>, dataset: Dataset, random: Random): number[];
  /** Finds what does not fit the data set, or together. */
  check?(options: Filled<Options>, dataset: Dataset): OptionProblem | undefined;
}

/** A sampler. */
export function defineSampler<const Name extends string, Options extends OptionShape>(
  definition: SamplerDefinition<Name, Options>,
): SamplerDefinition<Name, Options> {
  return definition;
}
