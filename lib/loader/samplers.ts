import type { ClassBalancedSpec } from "./samplers/class-balanced.js";
import type { DistributedSpec } from "./samplers/distributed.js";
import type { SequentialSpec } from "./samplers/sequential.js";
import type { ShardSpec } from "./samplers/shard.js";
import type { ShuffleSpec } from "./samplers/shuffle.js";
import type { ShuffleBufferSpec } from "./samplers/shuffle-buffer.js";
import type { WeightedSpec } from "./samplers/weighted.js";

/**
 * Ways to choose and order an epoch's samples. The order depends on the loader's seed and the epoch alone, so a process
 * that resumes, or another process, draws the same one.
 */
export const samplers = {
  /** The data set's order (torch.utils.data.SequentialSampler). */
  sequential: (): SequentialSpec => ({ type: "sequential" }),

  /** Another order in every epoch (torch.utils.data.RandomSampler). */
  shuffle: (): ShuffleSpec => ({ type: "shuffle" }),

  /**
   * For shards: their order is another one in every epoch, and samples go through a buffer (default 1000), so that they are
   * read nearly as they lie. Without shards all samples are one.
   */
  shuffleBuffer: (options: { buffer?: number; streams?: number } = {}): ShuffleBufferSpec => ({
    type: "shuffleBuffer",
    ...options,
  }),

  /**
   * Samples as often as their weights say (torch.utils.data.WeightedRandomSampler).
   * @param weights of each sample. Default: by the size of its class, see {@link WeightedSpec}
   */
  weighted: (
    weights?: readonly number[],
    options: { samples?: number; replacement?: boolean; power?: number } = {},
  ): WeightedSpec => ({ type: "weighted", weights, ...options }),

  /** Every class as often as every other on average, whatever their numbers of samples; with replacement. */
  classBalanced: (options: { samples?: number } = {}): ClassBalancedSpec => ({
    type: "classBalanced",
    ...options,
  }),

  /**
   * One process's share of an epoch (torch.utils.data.DistributedSampler). All processes need the same seed and epoch.
   * Where bad images are skipped, each makes up for its own, so that all have equally many batches.
   * @param options.sampler what is shared out; default `shuffle()`
   * @param options.dropLast see {@link DistributedSpec}; default false
   */
  distributed: (
    rank: number,
    world: number,
    options: { sampler?: DistributedSpec["sampler"]; dropLast?: boolean } = {},
  ): DistributedSpec => {
    const { sampler = { type: "shuffle" }, dropLast = false } = options;
    return { type: "distributed", rank, world, sampler, dropLast };
  },

  /**
   * One process's part of the data set, in its order, for evaluation: parts have no sample in common and are of different
   * lengths where they must be.
   */
  shard: (rank: number, world: number): ShardSpec => ({ type: "shard", rank, world }),
};
