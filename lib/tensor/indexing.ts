import { invalidArgument } from "../errors.js";
import { call, NativeObject, ops, type OpResult } from "./ops.js";
// Types only: tensor.ts builds on this module.
import type { Scalar } from "./elements.js";
import type { Tensor } from "./tensor.js";
import { shown } from "../shown.js";

/** A range of a dimension; see {@link slice}. */
export class Slice {
  constructor(
    /** The first place. null: the start. */
    readonly start: number | null,
    /** The place after the last. null: the end. */
    readonly stop: number | null,
    /** From one place to the next, at least 1. */
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
  if (indices.length === 0) return view === tensor ? (ops("aten::alias", tensor) as Tensor) : view;
  try {
    return ops("aten::index.Tensor", view, indices) as Tensor;
  } finally {
    if (view !== tensor) view.dispose();
  }
}

/** PyTorch's x[index] = value. */
export function writeAt(tensor: Tensor, value: Tensor | Scalar, index: readonly TensorIndex[]): void {
  const { view, indices } = locate(tensor, index);
  const source = asTensor(value, view);
  try {
    if (indices.length === 0) ops("aten::copy_", view, source);
    else ops("aten::index_put_", view, indices, source);
  } finally {
    if (view !== tensor) view.dispose();
    if (source !== value) source.dispose();
  }
}

/** A view that integers, ranges and new dimensions make, and the tensors that index its dimensions. */
interface Located {
  /** The tensor itself where there are none of them. */
  view: Tensor;
  indices: (Tensor | null)[];
}

function locate(tensor: Tensor, index: readonly TensorIndex[]): Located {
  const indices: (Tensor | null)[] = [];
  let view = tensor;
  let dim = 0;
  const replace = (next: OpResult): void => {
    if (view !== tensor) view.dispose();
    view = next as Tensor;
  };
  try {
    for (const item of index) {
      if (typeof item === "number") {
        replace(call("aten::select.int", [view, dim, item]));
      } else if (item instanceof Slice) {
        replace(call("aten::slice.Tensor", [view, dim, item.start, item.stop, item.step]));
        dim += 1;
      } else if (item === "...") {
        dim += countUnnamed(tensor, index);
      } else if (item === null) {
        replace(call("aten::unsqueeze", [view, dim]));
        dim += 1;
      } else {
        indices[dim] = item;
        dim += dimensionsOf(item);
      }
    }
  } catch (error) {
    if (view !== tensor) view.dispose();
    // Says so where the index has too many places, which LibTorch sees as a dimension out of range.
    countUnnamed(tensor, index);
    throw error;
  }
  // index() takes null for the dimensions that no tensor indexes; `indices` has holes there.
  for (let i = 0; i < indices.length; i += 1) indices[i] ??= null;
  return { view, indices };
}

/** How many of the tensor's dimensions the index does not name. */
function countUnnamed(tensor: Tensor, index: readonly TensorIndex[]): number {
  const { ndim } = tensor;
  let named = 0;
  let ellipses = 0;
  for (const item of index) {
    if (item === "...") ellipses += 1;
    else named += dimensionsOf(item);
  }
  if (ellipses > 1) throw invalidArgument("index", 'may have "..." once only');
  if (named > ndim) {
    throw invalidArgument("index", `has ${named} places for the ${ndim} dimensions of the tensor`);
  }
  return ndim - named;
}

/** How many of the tensor's dimensions an item stands for. */
function dimensionsOf(item: TensorIndex): number {
  if (item === null || item === "...") return 0;
  if (typeof item === "number" || item instanceof Slice) return 1;
  if (!((item as unknown) instanceof NativeObject)) {
    throw invalidArgument("index", `must be integers, slice(), "...", null or tensors, got ${shown(item)}`);
  }
  return item.dtype === "bool" || item.dtype === "uint8" ? item.ndim : 1;
}

function asTensor(value: Tensor | Scalar, like: Tensor): Tensor {
  if (value instanceof NativeObject) return value;
  return ops("aten::full", [], value, { dtype: like.dtype, device: like.device }) as Tensor;
}
