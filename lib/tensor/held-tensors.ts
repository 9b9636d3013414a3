import type { TensorHandle } from "../native/binding.js";
import { keep } from "./scope.js";
import { Tensor } from "./tensor.js";

/** The entries of a native object's state, with tensors that share its memory and belong to no tidy(). */
export function heldTensors<Entry extends { tensor: TensorHandle }>(
  entries: readonly Entry[],
): (Omit<Entry, "tensor"> & { tensor: Tensor })[] {
  return entries.map((entry) => ({ ...entry, tensor: keep(new Tensor(entry.tensor)) }));
}
