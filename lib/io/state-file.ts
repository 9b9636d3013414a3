import { invalidArgument } from "../errors.js";
import type { AbortOptions } from "../native/abortable.js";
import type { StoredTensor } from "../native/binding.js";
import type { Tensor } from "../tensor/tensor.js";
import { CheckpointFile, unreadable } from "./checkpoint-file.js";
import { verifyChecksum } from "./file-checksum.js";
import { openPyTorchFile } from "./pytorch.js";
import { readHeader } from "./safetensors-header.js";
import { checkPath } from "./safetensors.js";

/** Options of {@link loadStateDict}: which tensors of a file are meant. */
export interface LoadStateDictOptions extends AbortOptions {
  /** Where the tensors are in a PyTorch file that holds more, for example "state_dict" or "ema.model". */
  key?: string;
  /** Taken off the front of every name that starts with it, for example "module." of DataParallel. */
  prefix?: string;
}

/** The named tensors of an open file, checked but not read. */
export interface StateFile {
  file: CheckpointFile;
  tensors: ReadonlyMap<string, StoredTensor>;
  /** All as new tensors, in the order of their names. */
  readAll: (options?: AbortOptions) => Promise<Tensor[]>;
}

// The number that opens PyTorch's files from before 1.6, pickled; the byte before it is the pickle's protocol.
const LEGACY = Buffer.from("8a0a6cfc9c46f9206aa850192e", "hex");
const ZIP = Buffer.from("PK\x03\x04", "latin1");
// Where safetensors has its header, after the length.
const HEADER_START = 8;

/** Opens a safetensors or PyTorch file, which the content tells, gives its tensors to `use` and closes it. */
export async function useStateFile<T>(
  path: string,
  options: LoadStateDictOptions,
  use: (state: StateFile) => Promise<T>,
): Promise<T> {
  const { key, prefix = "" } = options;
  checkPath(path);
  checkKey(key);
  if (typeof prefix !== "string") throw invalidArgument("prefix", "must be a string");
  return CheckpointFile.use(path, async (file) => {
    const state = await openStateFile(file, options);
    return use({ ...state, tensors: stripPrefix(path, state.tensors, prefix) });
  });
}

async function openStateFile(file: CheckpointFile, options: LoadStateDictOptions): Promise<StateFile> {
  const start = await file.read(0, Math.min(file.size, 2 + LEGACY.length));
  if (start[HEADER_START] === "{".charCodeAt(0)) return openSafetensorsState(file, options);
  if (start.subarray(0, ZIP.length).equals(ZIP)) return openPyTorchFile(file, options.key);
  if (start.subarray(2).equals(LEGACY)) {
    const advice = "In Python: torch.save(torch.load(path, weights_only=True), path)";
    throw unreadable(
      file.path,
      `has PyTorch's legacy format from before 1.6, which is not supported. ${advice}`,
    );
  }
  if (file.size <= HEADER_START) throw file.truncated(HEADER_START + 1);
  throw unreadable(file.path, "is neither safetensors nor a file of torch.save: give one of them");
}

async function openSafetensorsState(
  file: CheckpointFile,
  { key, ...options }: LoadStateDictOptions,
): Promise<StateFile> {
  if (key !== undefined) {
    throw invalidArgument("key", `is for PyTorch files, and ${file.path} is safetensors: omit it`);
  }
  const { tensors, checksum } = await readHeader(file);
  await verifyChecksum(file, checksum, options);
  return safetensorsState(file, tensors);
}

/** The tensors of a safetensors file whose header was read. */
export function safetensorsState(
  file: CheckpointFile,
  tensors: ReadonlyMap<string, StoredTensor>,
): StateFile {
  return { file, tensors, readAll: (options) => file.readTensors([...tensors.values()], options) };
}

function stripPrefix(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  prefix: string,
): ReadonlyMap<string, StoredTensor> {
  const stripped = new Map<string, StoredTensor>();
  for (const [full, stored] of tensors) {
    const name = full.startsWith(prefix) ? full.slice(prefix.length) : full;
    if (stripped.has(name)) {
      throw unreadable(path, `has two tensors named ${name} without the prefix ${prefix}`);
    }
    stripped.set(name, stored);
  }
  return stripped;
}

function checkKey(key: unknown): void {
  if (key === undefined || (typeof key === "string" && key !== "")) return;
  throw invalidArgument("key", 'must be a name, or names joined by dots, such as "state_dict"');
}
