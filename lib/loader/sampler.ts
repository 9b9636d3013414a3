import type { Dataset } from "../data/dataset.js";
import { Registry, type FilledSpec, type Spec } from "../definition.js";
import { invalidArgument } from "../errors.js";
import type { Random } from "../image/random.js";
import { parseOptions } from "../schema.js";
import type { SamplerDefinition } from "./samplers/definition.js";
import { distributed } from "./samplers/distributed.js";
import { shard } from "./samplers/shard.js";
import { shareableSamplers } from "./samplers/shareable.js";

/** All samplers. */
export const allSamplers = new Registry([...shareableSamplers.definitions, distributed, shard]);

/**
 * Which samples an epoch has, in which order, as plain data.
 * @useDeclaredType
 */
export type SamplerSpec = Spec<typeof allSamplers>;

/** A sampler of one data set. */
export interface Sampler {
  /** With its defaults. */
  readonly spec: FilledSpec<typeof allSamplers>;
  /** Whether images that cannot be read are made up for. */
  readonly refill: boolean;
  /** Samples per epoch. */
  count(): number;
  /** One epoch's sample numbers. */
  draw(random: Random): number[];
}

/** @throws McLossError ERR_ARGUMENT for a sampler that is none, or that does not fit the data set */
export function samplerOf(spec: SamplerSpec, dataset: Dataset): Sampler {
  const filled = parseOptions(allSamplers.filled, spec, "sampler");
  const { type, ...options } = filled;
  const definition: SamplerDefinition = allSamplers.get(type);
  const problem = definition.check?.(options, dataset);
  if (problem) throw invalidArgument(`sampler.${problem[0]}`, problem[1]);
  return {
    spec: filled,
    refill: definition.refill ?? false,
    count: () => definition.count(options, dataset),
    draw: (random) => definition.draw(options, dataset, random),
  };
}
