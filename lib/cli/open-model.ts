import { existsSync } from "node:fs";
import { extname } from "node:path";
import { McLossError } from "../errors.js";
import { isDirectory } from "../io/is-directory.js";
import type { Model } from "../models/model.js";
import { loadModel, missingCheckpoint } from "../run/load-model.js";

const NOT_CHECKPOINTS: Readonly<Record<string, string>> = {
  ".onnx": "is an export for other programs, which mcloss writes and does not read",
  ".pth": "holds weights without a network: train --weights starts from it",
  ".pt": "holds weights without a network: train --weights starts from it",
  ".jpg": "is an image",
  ".jpeg": "is an image",
  ".png": "is an image",
  ".webp": "is an image",
};

const ADVICE =
  "As the model, which comes first, give the folder of a run, such as runs/birds, or a checkpoint (.safetensors)";

/** As {@link loadModel}, of a command's argument: an error says what else it was given. */
export async function openModel(path: string, options?: Parameters<typeof loadModel>[1]): Promise<Model> {
  const problem = (await isDirectory(path)) ? missingCheckpoint(path) : undefined;
  if (problem !== undefined) throw noModel(path, problem);
  try {
    return await loadModel(path, options);
  } catch (cause) {
    const kind = NOT_CHECKPOINTS[extname(path).toLowerCase()];
    if (kind === undefined || !existsSync(path)) throw cause;
    throw noModel(path, kind, cause);
  }
}

function noModel(path: string, problem: string, cause?: unknown): McLossError {
  return new McLossError("ERR_CHECKPOINT", `${path} ${problem}. ${ADVICE}`, { path, cause });
}
