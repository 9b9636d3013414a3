import { invalidArgument } from "../errors.js";
import { native } from "../native/binding.js";
import { Tensor } from "../tensor/tensor.js";
import { CheckpointFile, unreadable } from "./checkpoint-file.js";
import { openPyTorchFile } from "./pytorch.js";
import { METADATA, readHeader, writeSafetensors } from "./safetensors.js";

export interface LoadStateDictOptions {
  /** Where the tensors are in a PyTorch file that holds more, for example "state_dict" or "ema.model". */
  key?: string;
  /** Taken off the front of every name that starts with it, for example "module." of DataParallel. */
  prefix?: string;
}

export interface SaveStateDictOptions {
  /** Travels in the file's header. */
  metadata?: Readonly<Record<string, string>>;
}

/** A state dict that was checked but not read yet. */
export interface StateFile {
  names: string[];
  /** In the order of the names. */
  read: () => Promise<Tensor[]>;
}

// The number that opens PyTorch's files from before 1.6, pickled; the byte before it is the pickle's protocol.
const LEGACY = Buffer.from("8a0a6cfc9c46f9206aa850192e", "hex");
const ZIP = Buffer.from("PK\x03\x04", "latin1");
// Where safetensors has its header, after the length.
const HEADER_START = 8;

/**
 * Reads named tensors from PyTorch's `.pth`/`.pt` or from `.safetensors`; which it is, the content tells. Tensors come on
 * the CPU with the file's shapes and dtypes, without gradients; those that share a storage in a PyTorch file share
 * it here. What else a PyTorch file holds beside the tensors is ignored. No code in the file is ever run: a file that asks
 * for anything but tensors and plain values is refused, with what it asked for.
 *
 * Format: torch.save's zip, which is a pickle beside one record per storage
 * (https://docs.pytorch.org/docs/stable/notes/serialization.html), and https://github.com/huggingface/safetensors.
 * @throws McLossError ERR_CHECKPOINT when the file is missing, truncated, foreign or refused, before a tensor is
 * allocated; ERR_ARGUMENT for an option
 */
export async function loadStateDict(
  path: string,
  options: LoadStateDictOptions = {},
): Promise<Record<string, Tensor>> {
  const { key, prefix = "" } = options;
  checkPath(path);
  checkKey(key);
  if (typeof prefix !== "string") throw invalidArgument("prefix", "must be a string");
  const { names, read } = await CheckpointFile.use(path, (file) => openStateFile(file, key));
  const stripped = stripPrefix(path, names, prefix);
  const tensors = await read();
  return Object.fromEntries(tensors.map((tensor, index) => [stripped[index] ?? "", tensor]));
}

/**
 * Writes named tensors as safetensors (https://github.com/huggingface/safetensors), contiguous and with their shapes and
 * dtypes, from any device. The file is replaced as a whole: a process killed at any moment leaves the old one or the
 * new one.
 * @throws McLossError ERR_IO naming the path; ERR_ARGUMENT, ERR_DTYPE or ERR_DISPOSED for a tensor
 */
export async function saveStateDict(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  options: SaveStateDictOptions = {},
): Promise<void> {
  const { metadata = {} } = options;
  checkPath(path);
  const entries = Object.entries(tensors).map(([name, tensor]) => ({ name, tensor }));
  for (const { name, tensor } of entries) checkEntry(name, tensor);
  for (const [name, text] of Object.entries(metadata)) {
    if (typeof text !== "string") throw invalidArgument("metadata", `must hold strings, ${name} is not one`);
  }
  await writeSafetensors(path, entries, metadata);
}

async function openStateFile(file: CheckpointFile, key: string | undefined): Promise<StateFile> {
  const start = await file.read(0, Math.min(file.size, 2 + LEGACY.length));
  if (start[HEADER_START] === "{".charCodeAt(0)) return openSafetensorsFile(file, key);
  if (start.subarray(0, ZIP.length).equals(ZIP)) return openPyTorchFile(file, key);
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

async function openSafetensorsFile(file: CheckpointFile, key: string | undefined): Promise<StateFile> {
  if (key !== undefined) {
    throw invalidArgument("key", `is for PyTorch files, and ${file.path} is safetensors: omit it`);
  }
  const { path } = file;
  const { tensors } = await readHeader(file);
  return {
    names: [...tensors.keys()],
    read: async () => {
      const handles = await native().readTensors(path, [...tensors.values()]);
      return handles.map((handle) => new Tensor(handle));
    },
  };
}

function stripPrefix(path: string, names: readonly string[], prefix: string): string[] {
  const stripped = names.map((name) => (name.startsWith(prefix) ? name.slice(prefix.length) : name));
  const seen = new Set<string>();
  for (const name of stripped) {
    if (seen.has(name)) throw unreadable(path, `has two tensors named ${name} without the prefix ${prefix}`);
    seen.add(name);
  }
  return stripped;
}

function checkPath(path: unknown): void {
  if (typeof path !== "string" || path === "") throw invalidArgument("path", "must be the path of a file");
}

function checkKey(key: unknown): void {
  if (key === undefined || (typeof key === "string" && key !== "")) return;
  throw invalidArgument("key", 'must be a name, or names joined by dots, such as "state_dict"');
}

function checkEntry(name: string, tensor: unknown): void {
  if (name === METADATA) throw invalidArgument("tensors", `must not use the name ${METADATA}`);
  if (!(tensor instanceof Tensor)) throw invalidArgument("tensors", `must hold tensors, ${name} is not one`);
}
