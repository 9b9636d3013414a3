import { like } from "../schema.js";
import { invalidArgument, McLossError } from "../errors.js";
import { shown } from "../shown.js";

/** The typed arrays that a tensor's elements can be copied from and to. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

/**
 * Element types, by PyTorch's names. LibTorch computes with the common ones; float8 types, packed float4 pairs and wide
 * unsigned integers are for storage, and few of its operators take them.
 */
export type Dtype =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "float8_e4m3fn"
  | "float8_e5m2"
  | "float8_e4m3fnuz"
  | "float8_e5m2fnuz"
  | "float8_e8m0fnu"
  | "float4_e2m1fn_x2"
  | "complex32"
  | "complex64"
  | "complex128"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "bool";

/** Where a tensor lives: "cpu", "cuda" or "cuda:1". */
export type Device = "cpu" | "cuda" | `cuda:${number}`;

const BYTES: Readonly<Record<Dtype, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  float8_e4m3fn: 1,
  float8_e5m2: 1,
  float8_e4m3fnuz: 1,
  float8_e5m2fnuz: 1,
  float8_e8m0fnu: 1,
  float4_e2m1fn_x2: 1,
  complex32: 4,
  complex64: 8,
  complex128: 16,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  bool: 1,
};

export function isDtype(value: unknown): value is Dtype {
  return typeof value === "string" && Object.hasOwn(BYTES, value);
}

/** The size of one element, in bytes. */
export function bytesOf(dtype: Dtype): number {
  return BYTES[dtype];
}

export function checkDtype(argument: string, value: unknown): Dtype {
  if (isDtype(value)) return value;
  throw new McLossError(
    "ERR_DTYPE",
    `${argument} must be one of ${Object.keys(BYTES).join(", ")}, got ${shown(value)}`,
    {
      argument,
    },
  );
}

export function checkDevice(argument: string, value: unknown): Device {
  if (isDevice(value)) return value;
  throw invalidArgument(argument, `must be "cpu", "cuda" or "cuda:N", got ${shown(value)}`);
}

/** A device's name. */
export const deviceSchema = like<Device>('"cpu", "cuda" or "cuda:N"', isDevice);

function isDevice(value: unknown): value is Device {
  return typeof value === "string" && /^(cpu|cuda(:\d+)?)$/.test(value);
}

/** Whether two names are of one device: "cuda" is the first GPU. */
export function isSameDevice(one: Device, other: Device): boolean {
  return numbered(one) === numbered(other);
}

function numbered(device: Device): Device {
  return device === "cuda" ? "cuda:0" : device;
}

/** The dtype whose elements a typed array holds. */
export function dtypeOf(data: TypedArray): Dtype {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Float64Array) return "float64";
  if (data instanceof BigInt64Array) return "int64";
  if (data instanceof Int32Array) return "int32";
  if (data instanceof Int16Array) return "int16";
  if (data instanceof Int8Array) return "int8";
  if (data instanceof Uint16Array) return "uint16";
  if (data instanceof Uint32Array) return "uint32";
  if (data instanceof BigUint64Array) return "uint64";
  return "uint8";
}
