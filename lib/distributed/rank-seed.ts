import { randomAt } from "../image/random.js";

const SEEDS = 2 ** 32;

/**
 * What a process seeds what it draws for itself with: rank 0 with the run's seed, so that it draws what one process would,
 * and the others far from one another and from the ranks of the seeds next to it.
 * @param more what tells apart draws of one rank, if something does
 */
export function rankSeed(seed: number, rank: number, more?: number): number {
  if (rank === 0 && more === undefined) return seed;
  return randomAt(seed, rank, more ?? 0).integer(0, SEEDS - 1);
}
