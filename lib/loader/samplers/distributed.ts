import type { Dataset } from "../../data/dataset.js";
import type { Filled, Given } from "../../definition.js";
import { count, flag, index } from "../../schema.js";
import { defineSampler, type SamplerDefinition } from "./definition.js";
import { shareableSamplers } from "./shareable.js";

const options = {
  /** From 0 to `world` − 1. */
  rank: index,
  /** How many processes share the epoch. */
  world: count,
  /** What they share: any of the others. */
  sampler: shareableSamplers.filled.default({ type: "shuffle" }),
  /**
   * Every process gets equally many samples. Whether the rest is left out, or made up for by repeating the epoch's
   * first samples.
   */
  dropLast: flag.default(false),
};

export const distributed = defineSampler({
  name: "distributed",
  summary: "One process's share of an epoch (torch.utils.data.DistributedSampler)",
  options,
  // All processes must have equally many batches.
  refill: true,
  count: countShare,
  draw: (given, dataset, random) => {
    const { rank, world, sampler } = given;
    const shared: SamplerDefinition = shareableSamplers.get(sampler.type);
    const whole = shared.draw(sampler, dataset, random);
    const length = countShare(given, dataset);
    return Array.from({ length }, (_, i) => whole[(i * world + rank) % whole.length] ?? 0);
  },
  check: ({ rank, world, sampler }, dataset) => {
    if (rank >= world) return ["rank", `must be an integer from 0 to ${world - 1}, got ${rank}`];
    const shared: SamplerDefinition = shareableSamplers.get(sampler.type);
    const problem = shared.check?.(sampler, dataset);
    return problem && [`sampler.${problem[0]}`, problem[1]];
  },
});

/** One process's share of a shuffled epoch (torch.utils.data.DistributedSampler). */
export interface DistributedSpec extends Given<typeof distributed.options> {
  type: "distributed";
}

function countShare({ world, sampler, dropLast }: Filled<typeof options>, dataset: Dataset): number {
  const shared: SamplerDefinition = shareableSamplers.get(sampler.type);
  const share = shared.count(sampler, dataset) / world;
  return dropLast ? Math.floor(share) : Math.ceil(share);
}
