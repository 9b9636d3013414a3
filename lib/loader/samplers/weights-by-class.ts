import { countClasses, type Dataset } from "../../data/dataset.js";

/** The weight of each sample with which a class of n samples is drawn as often as n^power says. */
export function weightsByClass(dataset: Dataset, power: number): number[] {
  const counts = countClasses(dataset);
  const weights = counts.map((count) => count ** (power - 1));
  return Array.from({ length: dataset.length }, (_, index) => weights[dataset.sample(index).label] ?? 0);
}
