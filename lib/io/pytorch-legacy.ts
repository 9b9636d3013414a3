import type { McLossError } from "../errors.js";
import { bytesOf } from "../native/dtype.js";
import { unreadable, type CheckpointFile } from "./checkpoint-file.js";
import { PickleError, unpickleAt, type PickleRules } from "./pickle.js";
import type { PyTorchFile } from "./pytorch-file.js";
import { dtypeOf, explained, PICKLE_RULES, Storage } from "./pytorch-pickle.js";

/** The number that opens PyTorch's files from before 1.6, pickled; the byte before it is the pickle's protocol. */
const MAGIC = Buffer.from("8a0a6cfc9c46f9206aa850192e", "hex");
const MAGIC_START = 2;
const VERSION = 1001;
// Of the pickles together: the elements follow them.
const MAX_PICKLE_BYTES = 32_000_000;
const LENGTH_BYTES = 8;

/** How many of a file's first bytes tell whether it is one. */
export const LEGACY_START_BYTES = MAGIC_START + MAGIC.length;

export function isLegacy(start: Buffer): boolean {
  return start.subarray(MAGIC_START, LEGACY_START_BYTES).equals(MAGIC);
}

interface Place {
  offset: number;
  elements: number;
}

/**
 * A file of PyTorch before 1.6: a magic number, a version, the machine, what was saved and the keys of its storages, each
 * a pickle of its own; then the storages, each as the number of its elements and the elements.
 * @throws McLossError ERR_CHECKPOINT
 */
export async function openLegacyFile(file: CheckpointFile): Promise<PyTorchFile> {
  const bytes = await file.read(0, Math.min(file.size, MAX_PICKLE_BYTES));
  const storages = new Map<string, Storage>();
  const { value, swapped, keys, end } = explained(file, () => readPickles(bytes, collecting(storages)));
  const places = await placeStorages(file, keys, storages, end, swapped);
  return {
    file,
    value,
    locate(name, view) {
      const dtype = dtypeOf(file, name, view);
      const place = places.get(view.storage.key);
      if (!place) throw damaged(file, `the data of its tensor ${name} is missing`);
      const elements = (place.elements * elementBytes(view.storage)) / bytesOf(dtype);
      if (!Number.isInteger(elements)) throw damaged(file, `its tensor ${name} ends within an element`);
      return { shape: [elements], dtype, offset: place.offset, swapped };
    },
  };
}

/** The rules, with all storages that a pickle refers to put into a map. */
function collecting(storages: Map<string, Storage>): PickleRules {
  return {
    ...PICKLE_RULES,
    persistent(id) {
      const storage = PICKLE_RULES.persistent(id);
      if (storage instanceof Storage) storages.set(storage.key, storage);
      return storage;
    },
  };
}

function readPickles(bytes: Buffer, rules: PickleRules) {
  let end = 0;
  const next = (): unknown => {
    const read = unpickleAt(bytes, end, rules);
    end = read.end;
    return read.value;
  };
  next(); // the magic number
  const version = next();
  if (version !== VERSION) throw new PickleError(`is of version ${String(Number(version))}, not ${VERSION}`);
  const machine = next();
  const swapped = machine instanceof Map && machine.get("little_endian") === false;
  const value = next();
  const keys = next();
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === "string")) {
    throw new PickleError("has no list of storages");
  }
  return { value, swapped, keys, end };
}

async function placeStorages(
  file: CheckpointFile,
  keys: readonly string[],
  storages: ReadonlyMap<string, Storage>,
  start: number,
  swapped: boolean,
): Promise<Map<string, Place>> {
  const places = new Map<string, Place>();
  let at = start;
  for (const key of keys) {
    const storage = storages.get(key);
    if (!storage || places.has(key)) throw damaged(file, "its list of storages is not that of its tensors");
    const length = await file.read(at, LENGTH_BYTES);
    const elements = Number(swapped ? length.readBigInt64BE() : length.readBigInt64LE());
    if (elements !== storage.elements) {
      throw damaged(file, `a storage has ${elements} elements, not ${storage.elements}`);
    }
    const offset = at + LENGTH_BYTES;
    at = offset + elements * elementBytes(storage);
    if (at > file.size) throw file.truncated(at);
    places.set(key, { offset, elements });
  }
  return places;
}

function elementBytes({ dtype }: Storage): number {
  return dtype ? bytesOf(dtype) : 1;
}

function damaged(file: CheckpointFile, problem: string): McLossError {
  return unreadable(file.path, `is damaged: ${problem}`);
}
