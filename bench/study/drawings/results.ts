import type { LossName } from "./losses.js";
import { ResultFile } from "../result-file.js";
import type { Setting } from "./studies.js";

/** What makes one training differ from another of its study. */
export interface Run extends Setting {
  division: string;
  loss: LossName;
  seed: number;
}

/** Of one held-out part, after the last epoch; 0 to 1. */
export interface Score {
  images: number;
  accuracy: number;
  /** Of the channel groups alone. */
  groupAccuracy: number;
}

/** A finished run: one line of the study's file. */
export interface Result extends Run {
  head: string;
  alpha: number;
  beta: number;
  trainAccuracy: number;
  held: Readonly<Record<string, Score>>;
  seconds: number;
  versions: Readonly<Record<string, string>>;
}

/** Those of a study, by its name. */
export function resultsOf(study: string): ResultFile<Run, Result> {
  return new ResultFile(new URL(`../../results/study-${study}.jsonl`, import.meta.url), keyOf);
}

export function findResult(results: readonly Result[], run: Run): Result | undefined {
  const key = keyOf(run);
  return results.find((result) => keyOf(result) === key);
}

function keyOf({ division, loss, seed, learningRate, epochs }: Run): string {
  return [division, loss, seed, learningRate, epochs].join();
}
