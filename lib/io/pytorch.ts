import { McLossError } from "../errors.js";
import type { AbortOptions } from "../native/abortable.js";
import type { StoredTensor } from "../native/binding.js";
import { bytesOf } from "../tensor/dtype.js";
import { tidy } from "../tensor/scope.js";
import { ops, type Tensor } from "../tensor/tensor.js";
import { unreadable, type CheckpointFile } from "./checkpoint-file.js";
import { PickleError, unpickle } from "./pickle.js";
import { PICKLE_RULES, PickledTensor, RefusedTensor, supportedDtype } from "./pytorch-pickle.js";
import { isCountable } from "./safetensors-header.js";
import type { StateFile } from "./state-file.js";
import { readZipRecords, type ZipRecord } from "./zip-records.js";

// Names and shapes only: the tensors' elements are in records of their own.
const MAX_PICKLE_BYTES = 32_000_000;
const SHOWN_KEYS = 8;

interface Archive {
  file: CheckpointFile;
  /** The folder that all records are in, with its slash. */
  root: string;
  records: ReadonlyMap<string, ZipRecord>;
  bigEndian: boolean;
}

/** A storage in the file, as a tensor of one dimension. */
interface StoredStorage extends StoredTensor {
  shape: [elements: number];
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
  const named = [...dict].filter(isNamedTensor);
  if (named.length === 0) throw withoutTensors(file, dict, key);
  const views: PickledTensor[] = [];
  const storages = new Map<string, StoredStorage>();
  const tensors = new Map<string, StoredTensor>();
  for (const [name, view] of named) {
    if (view instanceof RefusedTensor) {
      throw unreadable(file.path, `has a ${view.kind} under ${name}: ${view.advice}`);
    }
    const storage = locateStorage(archive, name, view);
    storages.set(storageKey(view), storage);
    tensors.set(name, placeView(file, name, view, storage));
    views.push(view);
  }
  return { file, tensors, readAll: (options) => readShared(file, views, storages, options) };
}

async function openArchive(file: CheckpointFile): Promise<Archive> {
  const records = await readZipRecords(file);
  const pickle = [...records.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickle === undefined) {
    throw unreadable(file.path, "is a zip without data.pkl: give a file that torch.save wrote");
  }
  const root = pickle.slice(0, -"data.pkl".length);
  if (records.has(`${root}constants.pkl`)) {
    const advice = "In Python: torch.save(torch.jit.load(path).state_dict(), another)";
    throw unreadable(
      file.path,
      `is a TorchScript archive, a model with its code and no state dict. ${advice}`,
    );
  }
  const order = findPlain(file, records, `${root}byteorder`);
  const bigEndian = order?.bytes === 3 && (await file.read(order.offset, 3)).toString("latin1") === "big";
  return { file, root, records, bigEndian };
}

function findPlain(
  file: CheckpointFile,
  records: ReadonlyMap<string, ZipRecord>,
  name: string,
): ZipRecord | undefined {
  const record = records.get(name);
  if (record?.plain === false) {
    throw unreadable(file.path, `is refused: its ${name} is compressed or encrypted, as torch.save does not`);
  }
  return record;
}

async function readPickle({ file, root, records }: Archive): Promise<unknown> {
  const { offset = 0, bytes = 0 } = findPlain(file, records, `${root}data.pkl`) ?? {};
  if (bytes > MAX_PICKLE_BYTES) throw unreadable(file.path, `is refused: its data.pkl has ${bytes} bytes`);
  const pickle = await file.read(offset, bytes);
  try {
    return unpickle(pickle, PICKLE_RULES);
  } catch (cause) {
    if (!(cause instanceof PickleError)) throw cause;
    throw unreadable(file.path, `is refused: it ${cause.message}`, cause);
  }
}

function isNamedTensor(entry: [unknown, unknown]): entry is [string, PickledTensor | RefusedTensor] {
  const [name, value] = entry;
  return typeof name === "string" && (value instanceof PickledTensor || value instanceof RefusedTensor);
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

function locateStorage(archive: Archive, name: string, view: PickledTensor): StoredStorage {
  const { file, root, records, bigEndian } = archive;
  const { key, type, bytes } = view.storage;
  const dtype = supportedDtype(view);
  if (!dtype) {
    throw unreadable(
      file.path,
      `has ${type} of ${view.dtype} under its tensor ${name}, which is not supported`,
    );
  }
  const record = findPlain(file, records, `${root}data/${key}`);
  if (!record) throw unreadable(file.path, `is damaged: the data of its tensor ${name} is missing`);
  const elements = bytes / bytesOf(dtype);
  if (record.bytes !== bytes || !Number.isInteger(elements)) {
    const problem = `is damaged: its tensor ${name} has ${record.bytes} bytes of data, not those of ${elements} ${dtype}`;
    throw unreadable(file.path, problem);
  }
  return { shape: [elements], dtype, offset: record.offset, swapped: bigEndian };
}

/** Where a view's elements lie, every one in its storage. */
function placeView(
  file: CheckpointFile,
  name: string,
  view: PickledTensor,
  storage: StoredStorage,
): StoredTensor {
  const { offset, shape, strides } = view;
  const [elements] = storage.shape;
  const span = shape.includes(0)
    ? 0
    : shape.reduce((length, size, dim) => length + (size - 1) * (strides[dim] ?? 0), 1);
  if (strides.length === shape.length && isCountable(shape) && offset + span <= elements) {
    return { ...storage, shape, strides, offset: storage.offset + offset * bytesOf(storage.dtype) };
  }
  const text = `shape [${shape.join(", ")}], strides [${strides.join(", ")}], offset ${offset}`;
  throw unreadable(
    file.path,
    `is refused: its tensor ${name} (${text}) leaves its storage of ${elements} elements`,
  );
}

/** Tensors of one dtype share a storage. */
function storageKey({ storage, dtype }: PickledTensor): string {
  return `${dtype} ${storage.key}`;
}

/** Reads each storage once; tensors that share one in the file share it here. */
function readShared(
  file: CheckpointFile,
  views: readonly PickledTensor[],
  storages: ReadonlyMap<string, StoredStorage>,
  options?: AbortOptions,
): Promise<Tensor[]> {
  return tidy(async () => {
    const flats = await file.readTensors([...storages.values()], options);
    const byKey = new Map([...storages.keys()].map((key, index) => [key, flats[index]]));
    return views.map((view) => {
      const { offset, shape, strides } = view;
      return ops("aten::as_strided", byKey.get(storageKey(view)), shape, strides, offset) as Tensor;
    });
  });
}
