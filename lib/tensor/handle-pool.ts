import { native, type TensorHandle } from "../native/binding.js";

/** Handles of disposed tensors, to be filled again: making one costs as much as a small operator. */
const empty: TensorHandle[] = [];
const LIMIT = 4096;

let disposed: TensorHandle | undefined;

/** An empty handle for a result, or undefined where none is left over. */
export function takeHandle(): TensorHandle | undefined {
  return empty.pop();
}

/** Takes an empty handle, which whoever gives it must forget. */
export function giveHandle(handle: TensorHandle): void {
  if (empty.length < LIMIT) empty.push(handle);
}

/** What stands in a disposed tensor for the handle that it gave away: empty for ever. */
export function disposedHandle(): TensorHandle {
  disposed ??= native().emptyHandle();
  return disposed;
}
