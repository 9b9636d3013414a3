import { invalidArgument, McLossError } from "../errors.js";
import { native } from "../native/binding.js";
import { checkDevice, checkDtype, dtypeOf, type Device, type Dtype, type TypedArray } from "./dtype.js";
import { operationMode } from "./grad-mode.js";
import { Tensor } from "./tensor.js";

/** A number, or numbers in nested arrays of equal lengths. */
export type NestedNumbers = number | readonly NestedNumbers[];

/** Options of {@link tensor} and {@link zeros}. */
export interface TensorOptions {
  /** Default: one dimension with all elements, or the nesting of the arrays. */
  shape?: readonly number[];
  /** Default: the typed array's, or float32. */
  dtype?: Dtype;
  /** Default: "cpu". */
  device?: Device;
  /** Records operations for backward(). Default: false. */
  requiresGrad?: boolean;
}

/**
 * A tensor with a copy of `data` (torch.tensor).
 * @throws McLossError ERR_SHAPE when `shape` does not hold as many elements as `data` has
 */
export function tensor(data: TypedArray | NestedNumbers, options: TensorOptions = {}): Tensor {
  const elements = isTypedArray(data) ? data : Float32Array.from(flatten(data));
  const shape = checkShape(options.shape ?? shapeOf(data), elements.length);
  const dtype = checkDtype("dtype", options.dtype ?? dtypeOf(elements));
  const device = checkDevice("device", options.device ?? "cpu");
  const { requiresGrad = false } = options;
  const mode = operationMode();
  return new Tensor(native().tensorFromData(elements, shape, dtype, device, requiresGrad, mode));
}

/** A tensor of zeros (torch.zeros). */
export function zeros(shape: readonly number[], options: Omit<TensorOptions, "shape"> = {}): Tensor {
  return tensor(new Float32Array(shape.reduce((count, size) => count * size, 1)), { ...options, shape });
}

function isTypedArray(data: unknown): data is TypedArray {
  return ArrayBuffer.isView(data) && !(data instanceof DataView);
}

function flatten(data: NestedNumbers): number[] {
  return typeof data === "number" ? [data] : data.flatMap(flatten);
}

function shapeOf(data: TypedArray | NestedNumbers): number[] {
  if (typeof data === "number") return [];
  if (isTypedArray(data)) return [data.length];
  const [first] = data;
  if (first === undefined) return [0];
  const inner = shapeOf(first);
  for (const element of data) {
    if (shapeOf(element).join() === inner.join()) continue;
    throw new McLossError("ERR_SHAPE", "data must be nested arrays of equal lengths", { argument: "data" });
  }
  return [data.length, ...inner];
}

function checkShape(shape: readonly number[], elements: number): readonly number[] {
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw invalidArgument("shape", `must be non-negative integers, got [${shape.join(", ")}]`);
  }
  const count = shape.reduce((product, size) => product * size, 1);
  if (count === elements) return shape;
  const text = `shape [${shape.join(", ")}] holds ${count} elements, but data has ${elements}`;
  throw new McLossError("ERR_SHAPE", text, { argument: "shape" });
}
