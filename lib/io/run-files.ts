import { readFile } from "node:fs/promises";
import { join } from "node:path";

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

/** What `run.json` holds, unchecked. @throws what node:fs and JSON.parse throw */
export async function readRunInfo(folder: string): Promise<unknown> {
  return JSON.parse(await readFile(runFiles(folder).info, "utf8"));
}

/**
 * The lines of `metrics.jsonl`; last comes what follows the last whole one: nothing, or the part that a killed process
 * wrote. @throws what node:fs throws
 */
export async function readMetricsLines(folder: string): Promise<string[]> {
  return (await readFile(runFiles(folder).metrics, "utf8")).split("\n");
}
