import { shown } from "../shown.js";
import { z } from "zod";
import { flag, optionsOf, parseOptions, type Shape } from "../schema.js";
import { invalidArgument, McLossError } from "../errors.js";
import { native } from "../native/binding.js";
import {
  checkDtype,
  deviceSchema,
  dtypeOf,
  type Device,
  type Dtype,
  type TypedArray,
} from "../native/dtype.js";
import { operationMode } from "./grad-mode.js";
import { arrayOf, checkConversion, dtypeOfElements, flatten, type NestedNumbers } from "./elements.js";
import { create } from "./ops.js";
import { Tensor } from "./tensor.js";

/** Options of {@link tensor} and {@link zeros}. */
export interface TensorOptions {
  /** Default: one dimension with all elements, or the nesting of the arrays. */
  shape?: readonly number[];
  /** Default: the typed array's; of numbers float32, of bigints int64, of booleans bool. */
  dtype?: Dtype;
  /** Default: "cpu". */
  device?: Device;
  /** Records operations for backward(). Default: false. */
  requiresGrad?: boolean;
}

const zerosShape = {
  dtype: z.string().optional(),
  device: deviceSchema.optional(),
  requiresGrad: flag.optional(),
} satisfies Shape<Omit<TensorOptions, "shape">>;
const zerosOptions = optionsOf<Omit<TensorOptions, "shape">>(zerosShape);
const tensorOptions = optionsOf<TensorOptions>({
  ...zerosShape,
  shape: z.array(z.number()).readonly().optional(),
});

/**
 * A tensor with a copy of `data` (torch.tensor). Every element is exactly what was given, as far as the dtype has it:
 * floating-point types round to the nearest, integers lose what is behind the point.
 * @throws McLossError ERR_SHAPE when `shape` does not hold as many elements as `data` has, or for arrays of unequal lengths;
 * ERR_ARGUMENT for what is no number, and for a number that does not fit the dtype
 */
export function tensor(data: TypedArray | NestedNumbers, given: TensorOptions = {}): Tensor {
  const options = parseOptions(tensorOptions, given);
  const dtype = options.dtype === undefined ? undefined : checkDtype("dtype", options.dtype);
  const { array, nesting, type } = isTypedArray(data) ? fromArray(data, dtype) : fromNested(data, dtype);
  const shape = checkShape(options.shape ?? nesting, array.length);
  const { requiresGrad = false, device = "cpu" } = options;
  const mode = operationMode();
  return new Tensor(native().tensorFromData(array, shape, type, device, requiresGrad, mode));
}

/** Elements as they cross to native code, the shape that they came in, and what dtype they become. */
interface Elements {
  array: TypedArray;
  nesting: readonly number[];
  type: Dtype;
}

function fromArray(array: TypedArray, dtype = dtypeOf(array)): Elements {
  checkConversion(array, dtype);
  return { array, nesting: [array.length], type: dtype };
}

function fromNested(data: NestedNumbers, dtype?: Dtype): Elements {
  const { elements, shape } = flatten(data);
  const type = dtype ?? dtypeOfElements(elements);
  return { array: arrayOf(elements, type), nesting: shape, type };
}

/** A tensor of zeros (torch.zeros). */
export function zeros(shape: readonly number[], given: Omit<TensorOptions, "shape"> = {}): Tensor {
  const options = parseOptions(zerosOptions, given);
  if (options.dtype !== undefined) checkDtype("dtype", options.dtype);
  return create("aten::zeros", [checkSizes(shape)], options);
}

function isTypedArray(data: unknown): data is TypedArray {
  return ArrayBuffer.isView(data) && !(data instanceof DataView);
}

function checkShape(shape: readonly number[], elements: number): readonly number[] {
  const count = checkSizes(shape).reduce((product, size) => product * size, 1);
  if (count === elements) return shape;
  const text = `shape [${shape.join(", ")}] holds ${count} elements, but data has ${elements}`;
  throw new McLossError("ERR_SHAPE", text, { argument: "shape" });
}

function checkSizes(shape: readonly number[]): readonly number[] {
  if (areSizes(shape)) return shape;
  throw invalidArgument("shape", `must be an array of non-negative integers, got ${shown(shape)}`);
}

function areSizes(shape: unknown): boolean {
  return Array.isArray(shape) && shape.every((size) => Number.isSafeInteger(size) && size >= 0);
}
