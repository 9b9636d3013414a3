import { randomBeta } from "d3-random";
import type { Random } from "../../image/random.js";

/** A number from 0 to 1 of the distribution Beta(alpha, alpha). */
export function drawBeta(alpha: number, random: Random): number {
  return randomBeta.source(() => random.uniform(0, 1))(alpha, alpha)();
}
