import { z } from "zod";
import { decay } from "../../schema.js";
import type { LossContext } from "./context.js";

const options = {
  /** β of the effective number of images, (1 − βⁿ) / (1 − β), by whose inverse a class weighs (Cui et al., CVPR 2019). */
  effectiveNumber: decay,
};

/** How much each class weighs. */
export const classWeights = z.union([
  z.literal("balanced"),
  z.strictObject(options),
  z.array(z.number().positive()).readonly(),
]);

/** {@link classWeights} */
export type ClassWeights = z.output<typeof classWeights>;

/** The weight of each class, 1 on average over the images ("balanced") or the classes. @throws McLossError ERR_ARGUMENT */
export function weightsOfClasses(given: ClassWeights, context: LossContext): readonly number[] {
  const option = "loss.classWeights";
  if (given instanceof Array) return context.perClass(given, option);
  const counts = context.classCounts(undefined, option);
  if (given === "balanced") return balanced(counts);
  const { effectiveNumber: beta } = given;
  const inverse = counts.map((count) => (1 - beta) / (1 - beta ** count));
  const mean = inverse.reduce((sum, weight) => sum + weight, 0) / inverse.length;
  return inverse.map((weight) => weight / mean);
}

/** scikit-learn's compute_class_weight("balanced") */
function balanced(counts: readonly number[]): number[] {
  const images = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => images / (counts.length * count));
}

/** In few words. */
export function describeClassWeights(given: ClassWeights): string {
  if (given === "balanced") return "balanced class weights";
  return given instanceof Array
    ? `class weights ${given.join(" ")}`
    : `class weights β ${given.effectiveNumber}`;
}
