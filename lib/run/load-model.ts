import { existsSync } from "node:fs";
import { checkPlace } from "../check-argument.js";
import { McLossError } from "../errors.js";
import { isDirectory } from "../io/is-directory.js";
import { loadCheckpoint, type LoadModelOptions } from "../models/checkpoint.js";
import type { Model } from "../models/model.js";
import { runFiles } from "./run-files.js";

/**
 * Reads a model that {@link saveModel} or a run wrote, in evaluation mode. Nothing in a checkpoint is run, unless its network
 * has TorchScript and `trustCode` allows that: the module's file is then looked for beside the checkpoint.
 * @param path a checkpoint, or the folder of a run, whose best model is taken or, where none was judged, the last
 * @throws McLossError ERR_CHECKPOINT when the file is missing, truncated, damaged, foreign or does not fit its spec, when the
 * folder has none, when it has TorchScript that was not allowed, and when such a file is missing or another one
 */
export async function loadModel(path: string, options: LoadModelOptions = {}): Promise<Model> {
  checkPlace("path", path);
  return loadCheckpoint((await isDirectory(path)) ? checkpointOf(path) : path, options);
}

/** The run's best checkpoint, or the last where there is no best. @throws McLossError ERR_CHECKPOINT where there is neither */
function checkpointOf(folder: string): string {
  const { best, last } = runFiles(folder);
  const problem = missingCheckpoint(folder);
  if (problem === undefined) return existsSync(best) ? best : last;
  const text = `${folder} ${problem}. Give the folder of a run, such as runs/birds, or a checkpoint (.safetensors)`;
  throw new McLossError("ERR_CHECKPOINT", text, { path: folder });
}

/** Why there is no model in a folder; undefined where there is one. */
export function missingCheckpoint(folder: string): string | undefined {
  const { best, last, info } = runFiles(folder);
  if (existsSync(best) || existsSync(last)) return undefined;
  if (existsSync(info))
    return "is a run without a checkpoint: its first epoch has not ended, or the file is lost";
  return "is not the folder of a run";
}
