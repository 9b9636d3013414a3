import { McLossError } from "../errors.js";
import { native } from "../native/binding.js";
import { overwrite } from "../models/load-state.js";
import { Model, type ModelInfo, type StateEntry } from "../models/model.js";
import { parseModelInfo, parseModelSpec } from "../models/validate.js";
import { Tensor } from "../tensor/tensor.js";
import { readSafetensorsHeader, writeSafetensors, type SafetensorsEntry } from "./safetensors.js";

const FORMAT = "mutual-channel-loss/1";

/**
 * Writes a model as safetensors: its tensors by torchvision's names, with its spec and info in the metadata. The file
 * is replaced as a whole: a process killed at any moment leaves the old one or the new one.
 * @throws McLossError ERR_IO naming the path
 */
export async function saveModel(model: Model, path: string, info: ModelInfo = model.info): Promise<void> {
  const metadata = { format: FORMAT, spec: JSON.stringify(model.spec), info: JSON.stringify(info) };
  await writeSafetensors(path, model.state(), metadata);
}

/**
 * Reads a model that {@link saveModel} wrote, in evaluation mode.
 * @throws McLossError ERR_CHECKPOINT when the file is missing, truncated, foreign or does not fit its spec
 */
export async function loadModel(path: string): Promise<Model> {
  const { tensors, metadata } = await readSafetensorsHeader(path);
  if (metadata["format"] !== FORMAT) {
    throw checkpointError(
      path,
      `has no model spec (format ${metadata["format"] ?? "none"}, expected ${FORMAT})`,
    );
  }
  const spec = inCheckpoint(path, () => parseModelSpec(JSON.parse(metadata["spec"] ?? "null")));
  const info = inCheckpoint(path, () => parseModelInfo(JSON.parse(metadata["info"] ?? "{}")));
  const model = inCheckpoint(path, () => new Model(spec, { info }));
  await loadState(path, model.state(), tensors);
  return model.eval();
}

async function loadState(
  path: string,
  state: readonly StateEntry[],
  tensors: ReadonlyMap<string, SafetensorsEntry>,
): Promise<void> {
  const entries = state.map(({ name, tensor }) => {
    const entry = tensors.get(name);
    if (!entry) throw checkpointError(path, `has no tensor ${name}`);
    if (entry.shape.join() !== tensor.shape.join()) {
      throw checkpointError(
        path,
        `has ${name} of shape [${entry.shape.join()}], expected [${tensor.shape.join()}]`,
      );
    }
    return entry;
  });
  const values = await native().readTensors(path, entries);
  state.forEach(({ tensor }, index) => {
    const handle = values[index];
    if (!handle) return;
    using value = new Tensor(handle);
    overwrite(tensor, value);
  });
}

function inCheckpoint<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw checkpointError(
      path,
      `is damaged: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    );
  }
}

function checkpointError(path: string, problem: string, cause?: unknown): McLossError {
  const text = `the checkpoint ${path} ${problem}. Give a file that mcloss train wrote`;
  return new McLossError("ERR_CHECKPOINT", text, { path, cause });
}
