import { invalidArgument } from "../errors.js";
import type { Recipe } from "./recipe.js";

/**
 * Images of a batch that one process takes: a recipe means the same training however many processes share it.
 * @throws McLossError ERR_ARGUMENT naming the nearest sizes that can be shared
 */
export function shareOfBatch({ batchSize }: Pick<Recipe, "batchSize">, processes: number): number {
  if (batchSize % processes === 0) return batchSize / processes;
  const fewer = batchSize - (batchSize % processes);
  const sizes = fewer === 0 ? `${processes}` : `${fewer} or ${fewer + processes}`;
  throw invalidArgument(
    "batchSize",
    `${batchSize} is of all ${processes} processes together, which cannot share it: take ${sizes}`,
  );
}
