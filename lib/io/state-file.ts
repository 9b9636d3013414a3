import { z } from "zod";
import { abortShape, optionsOf, text, type Shape } from "../schema.js";
import { invalidArgument } from "../errors.js";
import type { AbortOptions } from "../native/abortable.js";
import type { StoredTensor } from "../native/binding.js";
import { CheckpointFile, unreadable, type StateFile } from "./checkpoint-file.js";
import { verifyChecksum } from "./file-checksum.js";
import type { PyTorchFile } from "./pytorch-file.js";
import { isLegacy, LEGACY_START_BYTES, openLegacyFile } from "./pytorch-legacy.js";
import { openZipFile } from "./pytorch-zip.js";
import { findTensorDicts, openTensorDict } from "./pytorch.js";
import { readHeader } from "./safetensors-header.js";
import { checkPath } from "./safetensors.js";

/** Options of {@link loadStateDict}: which tensors of a file are meant. */
export interface LoadStateDictOptions extends AbortOptions {
  /** Where the tensors are in a PyTorch file that holds more, for example "state_dict" or "ema.model". */
  key?: string;
  /** Taken off the front of every name that starts with it, for example "module." of DataParallel. */
  prefix?: string;
}

export const stateDictShape = {
  ...abortShape,
  key: text.optional(),
  prefix: z.string().optional(),
} satisfies Shape<LoadStateDictOptions>;

/** {@link LoadStateDictOptions} */
export const stateDictOptions = optionsOf<LoadStateDictOptions>(stateDictShape);

/** What an open file has of named tensors. */
export interface StateFiles {
  /** Where dicts of tensors are in it, as keys from the top: [] alone is the top. */
  places: readonly (readonly string[])[];
  /** The texts in a safetensors file's header. */
  metadata: Readonly<Record<string, string>>;
  /** @throws McLossError ERR_CHECKPOINT where there are no tensors, or none that can be read */
  open(place: readonly string[]): StateFile;
}

const ZIP = Buffer.from("PK\x03\x04", "latin1");
// Where safetensors has its header, after the length.
const HEADER_START = 8;
const TAR = { at: 257, sign: "ustar" };
const START_BYTES = Math.max(LEGACY_START_BYTES, TAR.at + TAR.sign.length);

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
  return useStateFiles(path, options, async (files) => {
    const state = files.open(key?.split(".") ?? []);
    return use({ ...state, tensors: stripPrefix(path, state.tensors, prefix) });
  });
}

/** As {@link useStateFile}, where it is not known yet which of the file's tensors are meant. */
export function useStateFiles<T>(
  path: string,
  options: AbortOptions,
  use: (files: StateFiles) => Promise<T>,
): Promise<T> {
  return CheckpointFile.use(path, async (file) => use(await openStateFiles(file, options)));
}

async function openStateFiles(file: CheckpointFile, options: AbortOptions): Promise<StateFiles> {
  const start = await file.read(0, Math.min(file.size, START_BYTES));
  if (start[HEADER_START] === "{".charCodeAt(0)) return openSafetensorsState(file, options);
  if (start.subarray(0, ZIP.length).equals(ZIP)) return pyTorchState(await openZipFile(file));
  if (isLegacy(start)) return pyTorchState(await openLegacyFile(file));
  if (start.toString("latin1", TAR.at, TAR.at + TAR.sign.length) === TAR.sign) {
    const advice =
      "Where you trust its author, in Python: torch.save(torch.load(path, weights_only=False), path)";
    throw unreadable(
      file.path,
      `is a tar, as PyTorch wrote before 0.1.10, which is not read here. ${advice}`,
    );
  }
  if (file.size <= HEADER_START) throw file.truncated(HEADER_START + 1);
  throw unreadable(file.path, "is neither safetensors nor a file of torch.save: give one of them");
}

function pyTorchState(opened: PyTorchFile): StateFiles {
  return {
    places: findTensorDicts(opened),
    metadata: {},
    open: (place) => openTensorDict(opened, place),
  };
}

async function openSafetensorsState(file: CheckpointFile, options: AbortOptions): Promise<StateFiles> {
  const { tensors, metadata, checksum } = await readHeader(file);
  await verifyChecksum(file, checksum, options);
  return {
    places: [[]],
    metadata,
    open(place) {
      if (place.length === 0) return safetensorsState(file, tensors);
      throw invalidArgument("key", `is for PyTorch files, and ${file.path} is safetensors: omit it`);
    },
  };
}

/** The tensors of a safetensors file whose header was read. */
export function safetensorsState(
  file: CheckpointFile,
  tensors: ReadonlyMap<string, StoredTensor>,
): StateFile {
  return { file, tensors, readAll: (options) => file.readTensors([...tensors.values()], options) };
}

/** @throws McLossError ERR_CHECKPOINT where two names become one */
export function stripPrefix(
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
