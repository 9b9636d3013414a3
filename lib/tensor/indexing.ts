import { invalidArgument } from "../errors.js";
import { NativeObject, ops } from "./ops.js";
// Types only: tensor.ts builds on this module.
import type { Tensor } from "./tensor.js";

/** A range of a dimension; see {@link slice}. */
export class Slice {
  constructor(
    readonly start: number | null,
    readonly stop: number | null,
    readonly step: number,
  ) {}
}

/** PyTorch's start:stop:step. Negative places count from the end; null or nothing means the end itself. */
export function slice(start: number | null = null, stop: number | null = null, step = 1): Slice {
  return new Slice(start, stop, step);
}

/**
 * What indexes a tensor: an integer, a range, "..." for all dimensions not named, null for a new dimension, or a
 * tensor of booleans or integers.
 */
export type TensorIndex = number | Slice | "..." | null | Tensor;

/** PyTorch's x[index]. */
export function readAt(tensor: Tensor, index: readonly TensorIndex[]): Tensor {
  const { view, indices } = locate(tensor, index);
  if (indices.length === 0) return view;
  try {
    return ops("aten::index.Tensor", view, indices) as Tensor;
  } finally {
    view.dispose();
  }
}

/** PyTorch's x[index] = value. */
export function writeAt(tensor: Tensor, value: Tensor | number, index: readonly TensorIndex[]): void {
  const { view, indices } = locate(tensor, index);
  const source = asTensor(value, view);
  try {
    const written =
      indices.length === 0
        ? ops("aten::copy_", view, source)
        : ops("aten::index_put_", view, indices, source);
    // A second handle on the view.
    (written as Tensor).dispose();
  } finally {
    view.dispose();
    if (source !== value) source.dispose();
  }
}

/** A view that integers, ranges and new dimensions make, and the tensors that index its dimensions. */
interface Located {
  view: Tensor;
  indices: (Tensor | null)[];
}

function locate(tensor: Tensor, index: readonly TensorIndex[]): Located {
  let view = ops("aten::alias", tensor) as Tensor;
  const indices: (Tensor | null)[] = [];
  const replace = (next: Tensor): void => {
    view.dispose();
    view = next;
  };
  try {
    const unnamed = tensor.shape.length - countDimensions(index);
    if (unnamed < 0) {
      const text = `has ${tensor.shape.length - unnamed} places for the ${tensor.shape.length} dimensions of the tensor`;
      throw invalidArgument("index", text);
    }
    let dim = 0;
    for (const item of index) {
      if (item === "...") {
        dim += unnamed;
      } else if (item === null) {
        replace(ops("aten::unsqueeze", view, dim) as Tensor);
        dim += 1;
      } else if (typeof item === "number") {
        replace(ops("aten::select.int", view, dim, item) as Tensor);
      } else if (item instanceof Slice) {
        replace(ops("aten::slice.Tensor", view, dim, item.start, item.stop, item.step) as Tensor);
        dim += 1;
      } else {
        indices[dim] = item;
        dim += dimensionsOf(item);
      }
    }
  } catch (error) {
    view.dispose();
    throw error;
  }
  // index() takes null for the dimensions that no tensor indexes.
  return { view, indices: Array.from(indices, (item) => item ?? null) };
}

function countDimensions(index: readonly TensorIndex[]): number {
  if (index.filter((item) => item === "...").length > 1) {
    throw invalidArgument("index", 'may have "..." once only');
  }
  return index.reduce<number>((count, item) => count + dimensionsOf(item), 0);
}

/** How many of the tensor's dimensions an item stands for. */
function dimensionsOf(item: TensorIndex): number {
  if (item === null || item === "...") return 0;
  if (typeof item === "number" || item instanceof Slice) return 1;
  if (!((item as unknown) instanceof NativeObject)) {
    throw invalidArgument("index", `must be integers, slice(), "...", null or tensors, got ${String(item)}`);
  }
  return item.dtype === "bool" || item.dtype === "uint8" ? item.shape.length : 1;
}

function asTensor(value: Tensor | number, like: Tensor): Tensor {
  if (typeof value !== "number") return value;
  return ops("aten::full", [], value, { dtype: like.dtype, device: like.device }) as Tensor;
}
