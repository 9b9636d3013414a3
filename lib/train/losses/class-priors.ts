import { z } from "zod";
import { rate } from "../../schema.js";
import type { LossContext } from "./context.js";

/** An option that says how many images each class has, in place of the training set. */
export const givenCounts = z.array(rate).readonly().optional();

/** The logarithm of each class's share of the images. @throws McLossError ERR_ARGUMENT */
export function logPriors(given: readonly number[] | undefined, context: LossContext): number[] {
  const counts = context.classCounts(given, "loss.classCounts");
  const images = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => Math.log(count / images));
}
