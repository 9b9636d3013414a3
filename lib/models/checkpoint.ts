import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { McLossError } from "../errors.js";
import { CheckpointFile } from "../io/checkpoint-file.js";
import { verifyChecksum } from "../io/file-checksum.js";
import { isDirectory } from "../io/is-directory.js";
import { runFiles } from "../io/run-files.js";
import { readHeader } from "../io/safetensors-header.js";
import { saveTensors } from "../io/safetensors.js";
import { safetensorsState } from "../io/state-file.js";
import type { AbortOptions } from "../native/abortable.js";
import { reasonOf } from "../system-error.js";
import { Model, type ModelInfo } from "./model.js";
import { findModules } from "./torchscript-file.js";
import { parseModelInfo, parseModelSpec } from "./validate.js";

const FORMAT = "mutual-channel-loss/1";

/**
 * Writes a model as safetensors: its tensors by torchvision's names, with its spec and info in the metadata. The file
 * is replaced as a whole: a process killed at any moment leaves the old one or the new one.
 * @throws McLossError ERR_IO naming the path
 */
export async function saveModel(
  model: Model,
  path: string,
  info: ModelInfo = model.info,
  options: AbortOptions = {},
): Promise<void> {
  using held = model.hold();
  const tensors = held.state().map(({ name, tensor }) => [name, tensor] as const);
  await saveTensors(path, tensors, modelMetadata(model, info), options);
}

/** The metadata of a checkpoint that loadModel() reads. */
export function modelMetadata(model: Model, info: ModelInfo = model.info): Record<string, string> {
  return { format: FORMAT, spec: JSON.stringify(model.spec), info: JSON.stringify(info) };
}

/** Begins the names of what a checkpoint keeps of its run, beside the model. */
export const TRAINING_PREFIX = "training/";

/** The model's own tensors of a checkpoint. */
export function withoutTraining<Stored>(tensors: ReadonlyMap<string, Stored>): Map<string, Stored> {
  return new Map([...tensors].filter(([name]) => !name.startsWith(TRAINING_PREFIX)));
}

/**
 * Reads a model that {@link saveModel} wrote, in evaluation mode. A TorchScript module in it is looked for where it was,
 * and then beside the checkpoint; it is code, so load only checkpoints with such modules whose author you trust.
 * @throws McLossError ERR_CHECKPOINT when the file is missing, truncated, foreign or does not fit its spec, or when a
 * TorchScript file is missing or another one
 * @param path a checkpoint, or the folder of a run, whose best model is taken or, where none was judged, the last
 */
export async function loadModel(path: string, options: AbortOptions = {}): Promise<Model> {
  return CheckpointFile.use(await findCheckpoint(path), async (file) => {
    const { path } = file;
    const { tensors, metadata, checksum } = await readHeader(file);
    await verifyChecksum(file, checksum, options);
    if (metadata["format"] !== FORMAT) {
      throw checkpointError(
        path,
        `has no model spec (format ${metadata["format"] ?? "none"}, expected ${FORMAT})`,
      );
    }
    const parsed = inCheckpoint(path, () => parseModelSpec(JSON.parse(metadata["spec"] ?? "null")));
    const spec = findModules(parsed, dirname(path));
    const info = inCheckpoint(path, () => parseModelInfo(JSON.parse(metadata["info"] ?? "{}")));
    const model = inCheckpoint(path, () => new Model(spec, { info }));
    await model.loadFrom(safetensorsState(file, withoutTraining(tensors)), true, options);
    return model.eval();
  });
}

async function findCheckpoint(path: string): Promise<string> {
  if (!(await isDirectory(path))) return path;
  const { best, last } = runFiles(path);
  return existsSync(best) ? best : last;
}

function inCheckpoint<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    // It names another file, which is the one at fault.
    if (cause instanceof McLossError && cause.code === "ERR_CHECKPOINT") throw cause;
    throw checkpointError(path, `is damaged: ${reasonOf(cause)}`, cause);
  }
}

function checkpointError(path: string, problem: string, cause?: unknown): McLossError {
  const text = `the checkpoint ${path} ${problem}. Give a file that mcloss train wrote`;
  return new McLossError("ERR_CHECKPOINT", text, { path, cause });
}
