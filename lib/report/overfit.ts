import { existsSync } from "node:fs";
import { minimum } from "../extremes.js";
import { readRun } from "../run/read-run.js";
import { runFiles } from "../run/run-files.js";

/** A rise of the held-out loss by this share since its lowest is no accident. */
const RISEN = 1.05;

/**
 * Whether a run's model is that of its last epoch though the held-out loss was lower before: it has learned labels by heart, also
 * those that are wrong.
 */
export async function isOverfit(folder: string): Promise<boolean> {
  if (existsSync(runFiles(folder).best)) return false;
  const { epochs } = await readRun(folder);
  const losses = epochs.flatMap(({ validation }) => validation?.loss ?? []);
  return (losses.at(-1) ?? NaN) > RISEN * minimum(losses);
}
