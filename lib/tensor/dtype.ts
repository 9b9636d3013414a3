import { invalidArgument, McLossError } from "../errors.js";

/** The typed arrays that a tensor's elements can be copied from and to. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray;

/** Element types, by NumPy's and PyTorch's names. */
export type Dtype =
  "float32" | "float64" | "float16" | "bfloat16" | "int64" | "int32" | "int16" | "int8" | "uint8" | "bool";

/** Where a tensor lives: "cpu", "cuda" or "cuda:1". */
export type Device = "cpu" | "cuda" | `cuda:${number}`;

const BYTES: Readonly<Record<Dtype, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

export function isDtype(value: string): value is Dtype {
  return Object.hasOwn(BYTES, value);
}

/** The size of one element, in bytes. */
export function bytesOf(dtype: Dtype): number {
  return BYTES[dtype];
}

export function checkDtype(argument: string, value: string): Dtype {
  if (isDtype(value)) return value;
  throw new McLossError(
    "ERR_DTYPE",
    `${argument} must be one of ${Object.keys(BYTES).join(", ")}, got "${value}"`,
    {
      argument,
    },
  );
}

export function checkDevice(argument: string, value: string): Device {
  if (/^(cpu|cuda(:\d+)?)$/.test(value)) return value as Device;
  throw invalidArgument(argument, `must be "cpu", "cuda" or "cuda:N", got "${value}"`);
}

/** The dtype whose elements a typed array holds. */
export function dtypeOf(data: TypedArray): Dtype {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Float64Array) return "float64";
  if (data instanceof BigInt64Array) return "int64";
  if (data instanceof Int32Array) return "int32";
  if (data instanceof Int16Array) return "int16";
  if (data instanceof Int8Array) return "int8";
  return "uint8";
}
