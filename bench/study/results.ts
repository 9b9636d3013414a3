import { existsSync, readFileSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { LossName } from "./losses.js";
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

/** Reads what was finished, on this day or before. */
export function readResults(study: string): Result[] {
  const path = pathOf(study);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Result);
}

export async function appendResult(study: string, result: Result): Promise<void> {
  await appendFile(pathOf(study), `${JSON.stringify(result)}\n`);
}

export function findResult(results: readonly Result[], run: Run): Result | undefined {
  return results.find(
    (result) =>
      result.division === run.division &&
      result.loss === run.loss &&
      result.seed === run.seed &&
      result.learningRate === run.learningRate &&
      result.epochs === run.epochs,
  );
}

function pathOf(study: string): string {
  return fileURLToPath(new URL(`../results/study-${study}.jsonl`, import.meta.url));
}
