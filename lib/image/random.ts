import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** Random numbers that depend on nothing but a seed and where they are used. */
export interface Random {
  /** Uniform in [low, high). */
  uniform(low: number, high: number): number;
  /** Uniform integer from low to high, both included. */
  integer(low: number, high: number): number;
}

/** The generator of one place, such as (seed, epoch, sample): independent of the order in which places are visited. */
export function randomAt(...place: readonly number[]): Random {
  const generator = xoroshiro128plus(place.reduce(mix, 0));
  // The first draws of this generator still resemble its seed.
  for (let i = 0; i < 4; i += 1) generator.next();
  return {
    uniform: (low, high) => low + (high - low) * uniformFloat64(generator),
    integer: (low, high) => uniformInt(generator, low, high),
  };
}

/** 0 to count − 1 in a random order (Fisher–Yates). */
export function shuffled(count: number, random: Random): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last -= 1) {
    const other = random.integer(0, last);
    [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
  }
  return order;
}

/** Folds a number into a 32-bit hash (MurmurHash3's mixing steps). */
function mix(hash: number, value: number): number {
  let h = Math.imul(hash ^ (value | 0) ^ Math.trunc(value / 2 ** 32), 0xcc9e2d51);
  h = Math.imul((h << 15) | (h >>> 17), 0x1b873593);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) + 0x9e3779b9) | 0;
}
