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
    /** What the run delivers, with all that it needs to go on. */
    last: join(checkpoints, "last.safetensors"),
    /** What it delivers of the epoch with the best monitored figure. */
    best: join(checkpoints, "best.safetensors"),
    /** Of the process that trains. */
    lock: join(folder, ".lock"),
  };
}
