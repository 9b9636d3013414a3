import { McLossError } from "../errors.js";
import { native } from "../native/binding.js";
import { bytesOf, type Dtype } from "../tensor/dtype.js";
import { tidy } from "../tensor/scope.js";
import { ops, Tensor } from "../tensor/tensor.js";
import { unreadable, type CheckpointFile } from "./checkpoint-file.js";
import { PickleError, PickleGlobal, unpickle, type PickleRules } from "./pickle.js";
import { isCountable, isCounts } from "./safetensors.js";
import type { StateFile } from "./state-dict.js";
import { readZipRecords, type ZipRecord } from "./zip-records.js";

const DTYPES: Readonly<Record<string, Dtype>> = {
  "torch.DoubleStorage": "float64",
  "torch.FloatStorage": "float32",
  "torch.HalfStorage": "float16",
  "torch.BFloat16Storage": "bfloat16",
  "torch.LongStorage": "int64",
  "torch.IntStorage": "int32",
  "torch.ShortStorage": "int16",
  "torch.CharStorage": "int8",
  "torch.ByteStorage": "uint8",
  "torch.BoolStorage": "bool",
};

const STORAGE_NAME = /^torch\.(storage\.)?\w*Storage$/;

// Names and shapes only: the tensors' elements are in records of their own.
const MAX_PICKLE_BYTES = 32_000_000;
const SHOWN_KEYS = 8;

/** The elements of one or more tensors: a record of the zip. */
class Storage {
  constructor(
    readonly key: string,
    readonly type: string,
    readonly elements: number,
  ) {}
}

/** A tensor as the pickle describes it, not checked yet. Offset and strides count elements. */
class StoredTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: number[],
    readonly strides: number[],
  ) {}
}

interface Archive {
  file: CheckpointFile;
  /** The folder that all records are in, with its slash. */
  root: string;
  records: ReadonlyMap<string, ZipRecord>;
  bigEndian: boolean;
}

/** Where a storage lies in the file, as native code takes it. */
interface StorageEntry {
  shape: number[];
  dtype: Dtype;
  offset: number;
}

/**
 * The tensors of a dict that torch.save wrote (PyTorch 1.6 or later), checked but not read. The pickle is data to a small
 * machine that knows tensors and plain values: nothing in it is run.
 * @param key the path of the dict in the file, such as "state_dict" or "model.state"
 * @throws McLossError ERR_CHECKPOINT
 */
export async function openPyTorchFile(file: CheckpointFile, key?: string): Promise<StateFile> {
  const archive = await openArchive(file);
  const dict = findDict(file, await readPickle(archive), key);
  const tensors = [...dict].filter(isNamedTensor);
  if (tensors.length === 0) throw withoutTensors(file, dict, key);
  const storages = new Map<string, StorageEntry>();
  for (const [name, tensor] of tensors) {
    checkView(file, name, tensor);
    const { key: storage } = tensor.storage;
    const entry = locateStorage(archive, name, tensor.storage);
    if ((storages.get(storage) ?? entry).dtype !== entry.dtype) {
      throw unreadable(
        file.path,
        `is refused: its tensor ${name} shares a storage with one of another dtype`,
      );
    }
    storages.set(storage, entry);
  }
  const views = tensors.map(([, tensor]) => tensor);
  return { names: tensors.map(([name]) => name), read: () => readViews(archive, views, storages) };
}

async function openArchive(file: CheckpointFile): Promise<Archive> {
  const records = await readZipRecords(file);
  const pickle = [...records.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickle === undefined) {
    throw unreadable(file.path, "is a zip without data.pkl: give a file that torch.save wrote");
  }
  const root = pickle.slice(0, -"data.pkl".length);
  const order = records.get(`${root}byteorder`);
  const bigEndian = order?.bytes === 3 && (await file.read(order.offset, 3)).toString("latin1") === "big";
  return { file, root, records, bigEndian };
}

async function readPickle({ file, root, records }: Archive): Promise<unknown> {
  const { offset = 0, bytes = 0 } = records.get(`${root}data.pkl`) ?? {};
  if (bytes > MAX_PICKLE_BYTES) throw unreadable(file.path, `is refused: its data.pkl has ${bytes} bytes`);
  const pickle = await file.read(offset, bytes);
  try {
    return unpickle(pickle, RULES);
  } catch (cause) {
    if (!(cause instanceof PickleError)) throw cause;
    throw unreadable(file.path, `is refused: it ${cause.message}`, cause);
  }
}

const ALLOWED: ReadonlyMap<string, PickleGlobal> = new Map(
  [
    new PickleGlobal("collections.OrderedDict", (args) => {
      if (args.length > 0) throw new PickleError("makes an OrderedDict from arguments, which is not allowed");
      return new Map();
    }),
    new PickleGlobal("torch.Size", ([sizes]) => {
      if (!isCounts(sizes)) throw new PickleError("has a torch.Size that is not one");
      return sizes;
    }),
    new PickleGlobal("torch._utils._rebuild_parameter", ([tensor]) => tensor),
    new PickleGlobal("torch._utils._rebuild_tensor_v2", rebuildTensor),
  ].map((global) => [global.name, global]),
);

const RULES: PickleRules = {
  global(name) {
    const found = ALLOWED.get(name) ?? (STORAGE_NAME.test(name) ? new PickleGlobal(name) : undefined);
    if (found) return found;
    const advice = "In Python, save only tensors: torch.save(model.state_dict(), path)";
    throw new PickleError(
      `asks for ${name}, and only tensors and plain values are allowed; nothing was run. ${advice}`,
    );
  },
  persistent(id) {
    const [kind, type, key, , elements] = Array.isArray(id) ? (id as unknown[]) : [];
    const complete = type instanceof PickleGlobal && typeof key === "string" && isCounts([elements]);
    if (kind !== "storage" || !complete) throw new PickleError("refers to what is not a storage");
    return new Storage(key, type.name, elements as number);
  },
};

function rebuildTensor([storage, offset, shape, strides]: readonly unknown[]): StoredTensor {
  const valid = storage instanceof Storage && isCounts([offset]) && isCounts(shape) && isCounts(strides);
  if (!valid) throw new PickleError("has a tensor whose storage, offset, shape or strides are not valid");
  return new StoredTensor(storage, offset as number, shape, strides);
}

function isNamedTensor(entry: [unknown, unknown]): entry is [string, StoredTensor] {
  return typeof entry[0] === "string" && entry[1] instanceof StoredTensor;
}

function findDict(file: CheckpointFile, value: unknown, key?: string): Map<unknown, unknown> {
  let found = value;
  for (const part of key?.split(".") ?? []) {
    if (!(found instanceof Map) || !found.has(part)) throw wrongKey(file, key, found);
    found = found.get(part);
  }
  if (found instanceof Map) return found as Map<unknown, unknown>;
  throw wrongKey(file, key, found);
}

function wrongKey(file: CheckpointFile, key: string | undefined, found: unknown): McLossError {
  const place = key === undefined ? "is no dict of tensors" : `has no dict at the key ${key}`;
  const text = `${file.path} ${place}${keysOf(found)}`;
  return new McLossError("ERR_CHECKPOINT", text, { path: file.path, argument: "key" });
}

function withoutTensors(
  file: CheckpointFile,
  dict: ReadonlyMap<unknown, unknown>,
  key?: string,
): McLossError {
  const place = key === undefined ? "at its top" : `at the key ${key}`;
  const text = `${file.path} has no tensors ${place}${keysOf(dict)}: give the option key`;
  return new McLossError("ERR_CHECKPOINT", text, { path: file.path, argument: "key" });
}

function keysOf(value: unknown): string {
  if (!(value instanceof Map) || value.size === 0) return "";
  const keys = [...(value as Map<unknown, unknown>).keys()].map(String);
  return ` (it has ${keys.slice(0, SHOWN_KEYS).join(", ")}${keys.length > SHOWN_KEYS ? ", …" : ""})`;
}

/** Every element of the tensor must lie in its storage. */
function checkView(file: CheckpointFile, name: string, tensor: StoredTensor): void {
  const { storage, offset, shape, strides } = tensor;
  const span = shape.includes(0)
    ? 0
    : shape.reduce((length, size, dim) => length + (size - 1) * (strides[dim] ?? 0), 1);
  const inside = offset + span <= storage.elements;
  if (strides.length === shape.length && isCountable(shape) && inside) return;
  const view = `shape [${shape.join(", ")}], strides [${strides.join(", ")}], offset ${offset}`;
  throw unreadable(
    file.path,
    `is refused: its tensor ${name} (${view}) leaves its storage of ${storage.elements} elements`,
  );
}

function locateStorage({ file, root, records }: Archive, name: string, storage: Storage): StorageEntry {
  const { key, type, elements } = storage;
  const dtype = Object.hasOwn(DTYPES, type) ? DTYPES[type] : undefined;
  if (!dtype) {
    throw unreadable(file.path, `has ${type} under its tensor ${name}, whose dtype is not supported`);
  }
  const record = records.get(`${root}data/${key}`);
  if (!record) throw unreadable(file.path, `is damaged: the data of its tensor ${name} is missing`);
  if (record.bytes !== elements * bytesOf(dtype)) {
    const problem = `is damaged: its tensor ${name} has ${record.bytes} bytes of data, not those of ${elements} ${dtype}`;
    throw unreadable(file.path, problem);
  }
  return { shape: [elements], dtype, offset: record.offset };
}

/** Reads each storage once; tensors that share one in the file share it here. */
async function readViews(
  { file, bigEndian }: Archive,
  views: readonly StoredTensor[],
  storages: ReadonlyMap<string, StorageEntry>,
): Promise<Tensor[]> {
  const entries = [...storages.values()];
  const handles = await native().readTensors(file.path, entries);
  return tidy(() => {
    const flats = handles.map((handle) => new Tensor(handle));
    const ordered = bigEndian ? flats.map(swapBytes) : flats;
    const byKey = new Map([...storages.keys()].map((key, index) => [key, ordered[index]]));
    return views.map(({ storage, offset, shape, strides }) => {
      return ops("aten::as_strided", byKey.get(storage.key), shape, strides, offset) as Tensor;
    });
  });
}

/** The elements of a storage from a machine of the other byte order. */
function swapBytes(flat: Tensor): Tensor {
  const { dtype, shape } = flat;
  const bytes = (ops("aten::view.dtype", flat, "uint8") as Tensor).reshape([...shape, bytesOf(dtype)]);
  const swapped = ops("aten::flip", bytes, [1]) as Tensor;
  return (ops("aten::view.dtype", swapped, dtype) as Tensor).flatten();
}
