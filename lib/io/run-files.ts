import { join } from "node:path";
import { readWhole } from "./open-file.js";

/** The paths of a run's files. */
export function runFiles(folder: string) {
  const checkpoints = join(folder, "checkpoints");
  return {
    /** What was asked for, and by which versions. */
    info: join(folder, "run.json"),
    /** A line of JSON an epoch. */
    metrics: join(folder, "metrics.jsonl"),
    checkpoints,
    last: join(checkpoints, "last.safetensors"),
    best: join(checkpoints, "best.safetensors"),
    /** Of the process that trains. */
    lock: join(folder, ".lock"),
  };
}

/** What `run.json` holds, unchecked. @throws what readWhole and JSON.parse throw */
export async function readRunInfo(folder: string): Promise<unknown> {
  return JSON.parse((await readWhole(runFiles(folder).info)).toString());
}

/**
 * The lines of `metrics.jsonl`; last comes what follows the last whole one: nothing, or the part that a killed process
 * wrote. @throws what readWhole throws
 */
export async function readMetricsLines(folder: string): Promise<string[]> {
  return (await readWhole(runFiles(folder).metrics)).toString().split("\n");
}
