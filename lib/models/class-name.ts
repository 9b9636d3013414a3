import type { ModelInfo } from "./model.js";

/** The name of a class, or its number where the model has no names. */
export function className({ classNames }: ModelInfo, index: number): string {
  return classNames?.[index] ?? String(index);
}
