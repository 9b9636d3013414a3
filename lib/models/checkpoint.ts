import { checkPlace, checkRecord } from "../check-argument.js";
import { abortOptions, abortShape, flag, optionsOf, parseOptions } from "../schema.js";
import { dirname } from "node:path";
import { McLossError } from "../errors.js";
import { CheckpointFile } from "../io/checkpoint-file.js";
import { verifyChecksum } from "../io/file-checksum.js";
import { readHeader } from "../io/safetensors-header.js";
import { saveTensors } from "../io/safetensors.js";
import { safetensorsState } from "../io/state-file.js";
import type { AbortOptions } from "../native/abortable.js";
import { reasonOf } from "../system-error.js";
import { parseModelInfo, type ModelInfo } from "./info.js";
import { holdModel, Model } from "./model.js";
import type { ModelSpec } from "./spec.js";
import { bringModules, findModules, hasModules, withoutPlaces } from "./torchscript-file.js";
import { parseModelSpec } from "./validate.js";

const FORMAT = "mutual-channel-loss/1";

/**
 * Writes a model as safetensors: its tensors by torchvision's names, with its spec and info in the metadata. The file
 * is replaced as a whole: a process killed at any moment leaves the old one or the new one.
 * @throws McLossError ERR_IO naming the path
 */
export async function saveModel(
  model: Model,
  path: string,
  info?: ModelInfo,
  given: AbortOptions = {},
): Promise<void> {
  const options = parseOptions(abortOptions, given);
  using held = holdModel(model);
  checkPlace("path", path);
  if (info !== undefined) checkRecord("info", info, "what the model's outputs mean: { classNames, … }");
  const tensors = held.state().map(({ name, tensor }) => [name, tensor] as const);
  await saveTensors(path, tensors, modelMetadata(held, path, info), options);
}

/** The metadata of a checkpoint at `path` that loadCheckpoint() reads. The model's TorchScript files are brought beside it. */
export function modelMetadata(
  model: Model,
  path: string,
  info: ModelInfo = model.info,
): Record<string, string> {
  const spec = bringModules(model.spec, dirname(path));
  return { format: FORMAT, spec: JSON.stringify(spec), info: JSON.stringify(info) };
}

/** Whether a checkpoint's metadata are of a model's network. @throws what JSON.parse and parseModelSpec throw */
export function isOfNetwork(metadata: Readonly<Record<string, string>>, { spec }: Model): boolean {
  const written: unknown = JSON.parse(metadata["spec"] ?? "null");
  parseModelSpec(written);
  return JSON.stringify(withoutPlaces(written as ModelSpec)) === JSON.stringify(withoutPlaces(spec));
}

/** Begins the names of what a checkpoint keeps of its run, beside the model. */
export const TRAINING_PREFIX = "training/";

/** The model's own tensors of a checkpoint. */
export function withoutTraining<Stored>(tensors: ReadonlyMap<string, Stored>): Map<string, Stored> {
  return new Map([...tensors].filter(([name]) => !name.startsWith(TRAINING_PREFIX)));
}

/** Options of loadModel(). */
export interface LoadModelOptions extends AbortOptions {
  /**
   * Whether TorchScript in the checkpoint may run. It is code, which can do what you can: say so only where you trust its
   * author. Default false: a checkpoint with TorchScript is refused.
   */
  trustCode?: boolean | undefined;
}

const loadOptions = optionsOf<LoadModelOptions>({ ...abortShape, trustCode: flag.optional() });

/**
 * Reads a model that {@link saveModel} wrote, in evaluation mode. Nothing in a checkpoint is run, unless its network has
 * TorchScript and `trustCode` allows that: the module's file is then looked for beside the checkpoint.
 * @throws McLossError ERR_CHECKPOINT when the file is missing, truncated, damaged, foreign or does not fit its spec, when it
 * has TorchScript that was not allowed, and when such a file is missing or another one
 */
export async function loadCheckpoint(path: string, given: LoadModelOptions = {}): Promise<Model> {
  const options = parseOptions(loadOptions, given);
  checkPlace("path", path);
  return CheckpointFile.use(path, async (file) => {
    const { tensors, metadata, checksum } = await readHeader(file);
    await verifyChecksum(file, checksum, options);
    if (metadata["format"] !== FORMAT) {
      throw checkpointError(
        path,
        `has no model spec (format ${metadata["format"] ?? "none"}, expected ${FORMAT})`,
      );
    }
    const parsed = inCheckpoint(path, () => parseModelSpec(JSON.parse(metadata["spec"] ?? "null")));
    if (hasModules(parsed) && options.trustCode !== true) throw untrusted(path);
    const spec = findModules(parsed, dirname(path));
    const info = inCheckpoint(path, () => parseModelInfo(JSON.parse(metadata["info"] ?? "{}")));
    const model = inCheckpoint(path, () => new Model(spec, { info }));
    await model.weights.readFrom(safetensorsState(file, withoutTraining(tensors)), true, options);
    model.file = path;
    return model.eval();
  });
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

function untrusted(path: string): McLossError {
  const text =
    `the checkpoint ${path} has a TorchScript module, which is code and can do what you can. Where you trust its author, ` +
    "allow it with { trustCode: true } (--trust-code)";
  return new McLossError("ERR_CHECKPOINT", text, { path, argument: "trustCode" });
}

function checkpointError(path: string, problem: string, cause?: unknown): McLossError {
  const text = `the checkpoint ${path} ${problem}. Give a file that mcloss train wrote`;
  return new McLossError("ERR_CHECKPOINT", text, { path, cause });
}
