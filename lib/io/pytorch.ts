import { McLossError } from "../errors.js";
import type { AbortOptions } from "../native/abortable.js";
import type { StoredTensor } from "../native/binding.js";
import { bytesOf } from "../native/dtype.js";
import { tidy } from "../tensor/scope.js";
import { ops, type Tensor } from "../tensor/tensor.js";
import { unreadable, type CheckpointFile, type StateFile } from "./checkpoint-file.js";
import type { PyTorchFile, StoredStorage } from "./pytorch-file.js";
import { PickledTensor, RefusedTensor } from "./pytorch-pickle.js";
import { isCountable } from "./safetensors-header.js";

const SHOWN_KEYS = 8;
/** How far, and at how many values, dicts of tensors are looked for. */
const MOST_LEVELS = 5;
const MOST_VALUES = 100_000;

/** Where dicts that have tensors are in a file, as keys from the top; those nearest to the top come first. */
export function findTensorDicts({ value }: PyTorchFile): string[][] {
  const found: string[][] = [];
  const seen = new Set<unknown>();
  let level: [keys: string[], value: unknown][] = [[[], value]];
  for (let depth = 0; depth < MOST_LEVELS && seen.size < MOST_VALUES; depth += 1) {
    const next: typeof level = [];
    for (const [keys, dict] of level) {
      if (!(dict instanceof Map) || seen.has(dict)) continue;
      seen.add(dict);
      const entries = [...(dict as Map<unknown, unknown>)];
      if (entries.some(isNamedTensor)) found.push(keys);
      for (const [key, inner] of entries) if (typeof key === "string") next.push([[...keys, key], inner]);
    }
    level = next;
  }
  return found;
}

/**
 * The tensors of a dict that torch.save wrote, checked but not read. The pickle is data to a small machine that knows
 * tensors and plain values: nothing in it is run.
 * @param keys the path of the dict in the file, such as ["model", "state"]
 * @throws McLossError ERR_CHECKPOINT
 */
export function openTensorDict({ file, value, locate }: PyTorchFile, keys: readonly string[]): StateFile {
  const dict = findDict(file, value, keys);
  const named = [...dict].filter(isNamedTensor);
  if (named.length === 0) throw withoutTensors(file, dict, keys);
  const views: PickledTensor[] = [];
  const storages = new Map<string, StoredStorage>();
  const tensors = new Map<string, StoredTensor>();
  for (const [name, view] of named) {
    if (view instanceof RefusedTensor) {
      throw unreadable(file.path, `has a ${view.kind} under ${name}: ${view.advice}`);
    }
    const storage = locate(name, view);
    storages.set(storageKey(view), storage);
    tensors.set(name, placeView(file, name, view, storage));
    views.push(view);
  }
  return { file, tensors, readAll: (options) => readShared(file, views, storages, options) };
}

function isNamedTensor(entry: [unknown, unknown]): entry is [string, PickledTensor | RefusedTensor] {
  const [name, value] = entry;
  return typeof name === "string" && (value instanceof PickledTensor || value instanceof RefusedTensor);
}

function findDict(file: CheckpointFile, value: unknown, keys: readonly string[]): Map<unknown, unknown> {
  let found = value;
  for (const part of keys) {
    if (!(found instanceof Map) || !found.has(part)) throw wrongKey(file, keys, found);
    found = found.get(part);
  }
  if (found instanceof Map) return found as Map<unknown, unknown>;
  throw wrongKey(file, keys, found);
}

function wrongKey(file: CheckpointFile, keys: readonly string[], found: unknown): McLossError {
  const place = keys.length === 0 ? "is no dict of tensors" : `has no dict at the key ${keys.join(".")}`;
  const text = `${file.path} ${place}${keysOf(found)}`;
  return new McLossError("ERR_CHECKPOINT", text, { path: file.path, argument: "key" });
}

function withoutTensors(
  file: CheckpointFile,
  dict: ReadonlyMap<unknown, unknown>,
  keys: readonly string[],
): McLossError {
  const place = keys.length === 0 ? "at its top" : `at the key ${keys.join(".")}`;
  const text = `${file.path} has no tensors ${place}${keysOf(dict)}: give the option key`;
  return new McLossError("ERR_CHECKPOINT", text, { path: file.path, argument: "key" });
}

function keysOf(value: unknown): string {
  if (!(value instanceof Map) || value.size === 0) return "";
  const keys = [...(value as Map<unknown, unknown>).keys()].map(String);
  return ` (it has ${keys.slice(0, SHOWN_KEYS).join(", ")}${keys.length > SHOWN_KEYS ? ", …" : ""})`;
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
