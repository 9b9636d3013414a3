import { invalidArgument } from "../errors.js";
import type { Dataset } from "../data/dataset.js";
import { shuffled, type Random } from "../image/random.js";

/** Which samples an epoch has, in which order, as plain data. */
export type SamplerSpec = SequentialSpec | ShuffleSpec | WeightedSpec | ClassBalancedSpec | DistributedSpec;

/** The order of the data set. */
export interface SequentialSpec {
  type: "sequential";
}

/** Another order in every epoch. */
export interface ShuffleSpec {
  type: "shuffle";
}

/** Drawn by weight (torch.utils.data.WeightedRandomSampler). */
export interface WeightedSpec {
  type: "weighted";
  /** Of each sample; 0 leaves it out. */
  weights: readonly number[];
  /** Samples per epoch. Default: as many as the data set has. */
  samples?: number;
  /** Whether a sample may come more than once in an epoch. Default true. */
  replacement?: boolean;
}

/** Every class as often as the others, drawn with replacement. */
export interface ClassBalancedSpec {
  type: "classBalanced";
  /** Samples per epoch. Default: as many as the data set has. */
  samples?: number;
}

/** One process's share of a shuffled epoch (torch.utils.data.DistributedSampler). */
export interface DistributedSpec {
  type: "distributed";
  /** From 0 to `world` − 1. */
  rank: number;
  /** How many processes share the epoch. */
  world: number;
  /** What they share. */
  sampler: Exclude<SamplerSpec, DistributedSpec>;
  /**
   * Every process gets equally many samples. Whether the rest is left out, or made up for by repeating the epoch's
   * first samples.
   */
  dropLast: boolean;
}

/**
 * Ways to choose and order an epoch's samples. The order depends on the loader's seed and the epoch alone, so a process
 * that resumes, or another process, draws the same one.
 */
export const samplers = {
  /** The data set's order (torch.utils.data.SequentialSampler). */
  sequential: (): SequentialSpec => ({ type: "sequential" }),

  /** Another order in every epoch (torch.utils.data.RandomSampler). */
  shuffle: (): ShuffleSpec => ({ type: "shuffle" }),

  /** Samples as often as their weights say (torch.utils.data.WeightedRandomSampler). */
  weighted: (
    weights: readonly number[],
    options: { samples?: number; replacement?: boolean } = {},
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
};

/**
 * Checks a sampler against the data set.
 * @throws McLossError ERR_ARGUMENT
 */
export function checkSampler(sampler: SamplerSpec, dataset: Dataset): void {
  switch (sampler.type) {
    case "sequential":
    case "shuffle":
      return;
    case "weighted":
      checkWeights(sampler, dataset);
      return checkSamples(sampler.samples);
    case "classBalanced":
      return checkSamples(sampler.samples);
    case "distributed":
      checkInteger("world", sampler.world, 1, Number.MAX_SAFE_INTEGER);
      checkInteger("rank", sampler.rank, 0, sampler.world - 1);
      return checkSampler(sampler.sampler, dataset);
    default:
      throw invalidArgument("sampler", `has the unknown type "${(sampler as { type: string }).type}"`);
  }
}

/** Samples per epoch. */
export function countSamples(sampler: SamplerSpec, dataset: Dataset): number {
  if (sampler.type === "distributed") {
    const share = countSamples(sampler.sampler, dataset) / sampler.world;
    return sampler.dropLast ? Math.floor(share) : Math.ceil(share);
  }
  return ("samples" in sampler ? sampler.samples : undefined) ?? dataset.length;
}

/** One epoch's sample numbers. */
export function drawOrder(sampler: SamplerSpec, dataset: Dataset, random: Random): number[] {
  switch (sampler.type) {
    case "sequential":
      return Array.from({ length: dataset.length }, (_, index) => index);
    case "shuffle":
      return shuffled(dataset.length, random);
    case "weighted": {
      const draw = (sampler.replacement ?? true) ? drawWithReplacement : drawWithoutReplacement;
      return draw(sampler.weights, countSamples(sampler, dataset), random);
    }
    case "classBalanced":
      return drawWithReplacement(balance(dataset), countSamples(sampler, dataset), random);
    case "distributed": {
      const { rank, world } = sampler;
      const whole = drawOrder(sampler.sampler, dataset, random);
      const share = countSamples(sampler, dataset);
      return Array.from({ length: share }, (_, i) => whole[(i * world + rank) % whole.length] ?? 0);
    }
  }
}

function drawWithReplacement(weights: readonly number[], count: number, random: Random): number[] {
  const ends: number[] = [];
  const total = weights.reduce((sum, weight) => (ends[ends.length] = sum + weight), 0);
  return Array.from({ length: count }, () => firstAbove(ends, random.uniform(0, total)));
}

/** The first of the ascending `ends` that is above `value`. */
function firstAbove(ends: readonly number[], value: number): number {
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Each gets an exponential variable of its weight's rate, and the earliest are taken (Efraimidis and Spirakis, 2006). */
function drawWithoutReplacement(weights: readonly number[], count: number, random: Random): number[] {
  const times = weights.map((weight) => -Math.log(1 - random.uniform(0, 1)) / weight);
  const drawable = weights.flatMap((weight, index) => (weight > 0 ? [index] : []));
  return drawable.sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0)).slice(0, count);
}

function balance(dataset: Dataset): number[] {
  const labels = Array.from({ length: dataset.length }, (_, index) => dataset.sample(index).label);
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return labels.map((label) => 1 / (counts.get(label) ?? 1));
}

function checkWeights({ weights, samples, replacement = true }: WeightedSpec, dataset: Dataset): void {
  if (weights.length !== dataset.length) {
    throw invalidArgument(
      "weights",
      `must be one per sample, which are ${dataset.length}, got ${weights.length}`,
    );
  }
  const bad = weights.findIndex((weight) => !(weight >= 0 && weight < Infinity));
  if (bad >= 0)
    throw invalidArgument(`weights[${bad}]`, `must be a finite number of at least 0, got ${weights[bad]}`);
  const drawable = weights.filter((weight) => weight > 0).length;
  if (drawable === 0) throw invalidArgument("weights", "must not all be 0");
  if (!replacement && (samples ?? weights.length) > drawable) {
    const text = `must be at most ${drawable}, the samples of a weight above 0, as there is no replacement`;
    throw invalidArgument("samples", text);
  }
}

function checkSamples(samples: number | undefined): void {
  if (samples !== undefined) checkInteger("samples", samples, 1, Number.MAX_SAFE_INTEGER);
}

function checkInteger(argument: string, value: number, low: number, high: number): void {
  if (Number.isSafeInteger(value) && value >= low && value <= high) return;
  const range = high === Number.MAX_SAFE_INTEGER ? `of at least ${low}` : `from ${low} to ${high}`;
  throw invalidArgument(argument, `must be an integer ${range}, got ${value}`);
}
