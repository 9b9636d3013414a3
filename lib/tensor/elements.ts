import { invalidArgument, McLossError } from "../errors.js";
import { dtypeOf, type Dtype, type TypedArray } from "../native/dtype.js";
import { shown } from "../shown.js";

/** What one element can be given as. */
export type Scalar = number | bigint | boolean;

/** A number, or numbers in nested arrays of equal lengths. A bigint gives all of an integer of 64 bits, a boolean is 0 or 1. */
export type NestedNumbers = Scalar | readonly NestedNumbers[];

/** The elements of nested arrays, row by row, and the arrays' lengths. */
export interface Flattened {
  elements: Scalar[];
  shape: number[];
}

/** As many as LibTorch has. */
const MOST_DIMENSIONS = 64;

/** @throws McLossError ERR_SHAPE for arrays of unequal lengths, ERR_ARGUMENT for what is no number; both name the place */
export function flatten(data: unknown): Flattened {
  const shape: number[] = [];
  for (let level = data; Array.isArray(level); level = level[0]) {
    if (shape.push(level.length) > MOST_DIMENSIONS) {
      throw invalidArgument("data", `must be nested at most ${MOST_DIMENSIONS} deep`);
    }
  }
  const elements: Scalar[] = [];
  gather(data, "data", shape, 0, elements);
  return { elements, shape };
}

function gather(value: unknown, place: string, shape: readonly number[], depth: number, into: Scalar[]) {
  const length = shape[depth];
  if (length === undefined) {
    into.push(checkElement(value, place));
    return;
  }
  if (!Array.isArray(value) || value.length !== length) {
    const wanted = `must have ${length} elements, as the arrays before it`;
    const got = Array.isArray(value) ? `got ${value.length}` : `got ${shown(value)}`;
    throw new McLossError("ERR_SHAPE", `${place} ${wanted}, ${got}`, { argument: "data" });
  }
  // By number, as forEach() passes over holes.
  for (let i = 0; i < length; i += 1) gather(value[i], `${place}[${i}]`, shape, depth + 1, into);
}

function checkElement(value: unknown, place: string): Scalar {
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return value;
  if (Array.isArray(value)) {
    const text = `${place} must be a number, as the elements before it, got an array`;
    throw new McLossError("ERR_SHAPE", text, { argument: "data" });
  }
  throw new McLossError("ERR_ARGUMENT", `${place} must be a number, got ${shown(value)}`, {
    argument: "data",
  });
}

/** bool for booleans, int64 for bigints, and else float32. */
export function dtypeOfElements(elements: readonly Scalar[]): Dtype {
  const [first] = elements;
  if (typeof first === "boolean" && elements.every((each) => typeof each === "boolean")) return "bool";
  if (typeof first === "bigint" && elements.every((each) => typeof each === "bigint")) return "int64";
  return "float32";
}

interface IntegerType {
  /** Made of numbers or, at 64 bits, of bigints. */
  make: (elements: readonly Scalar[]) => TypedArray;
  least: bigint;
  most: bigint;
}

const signed = (bits: bigint, make: IntegerType["make"]) => ({
  make,
  least: -(2n ** (bits - 1n)),
  most: 2n ** (bits - 1n) - 1n,
});
const unsigned = (bits: bigint, make: IntegerType["make"]) => ({ make, least: 0n, most: 2n ** bits - 1n });

const INTEGERS: Readonly<Partial<Record<Dtype, IntegerType>>> = {
  int8: signed(8n, (elements) => Int8Array.from(elements, toNumber)),
  int16: signed(16n, (elements) => Int16Array.from(elements, toNumber)),
  int32: signed(32n, (elements) => Int32Array.from(elements, toNumber)),
  int64: signed(64n, (elements) => BigInt64Array.from(elements, toInteger)),
  uint8: unsigned(8n, (elements) => Uint8Array.from(elements, toNumber)),
  uint16: unsigned(16n, (elements) => Uint16Array.from(elements, toNumber)),
  uint32: unsigned(32n, (elements) => Uint32Array.from(elements, toNumber)),
  uint64: unsigned(64n, (elements) => BigUint64Array.from(elements, toInteger)),
};

function toNumber(element: Scalar): number {
  return Number(element);
}

function toInteger(element: Scalar): bigint {
  return typeof element === "number" ? BigInt(Math.trunc(element)) : BigInt(element);
}

/** From where on numbers are rounded to more than there is: half a step above the largest finite one. */
const INFINITE: Readonly<Partial<Record<Dtype, number>>> = {
  float32: (2 - 2 ** -24) * 2 ** 127,
  complex64: (2 - 2 ** -24) * 2 ** 127,
  bfloat16: (2 - 2 ** -8) * 2 ** 127,
  float16: 65_520,
  complex32: 65_520,
  float8_e5m2: 61_440,
  float8_e5m2fnuz: 61_440,
  float8_e4m3fn: 464,
  float8_e4m3fnuz: 248,
  float8_e8m0fnu: 1.5 * 2 ** 127,
};

const WITHOUT_INFINITY: readonly Dtype[] = [
  "float8_e4m3fn",
  "float8_e4m3fnuz",
  "float8_e5m2fnuz",
  "float8_e8m0fnu",
];

/** An exponent and nothing else: neither zero nor negative numbers. */
const POWERS_OF_TWO: Dtype = "float8_e8m0fnu";

/**
 * The elements in a typed array from which LibTorch makes `dtype` exactly: fractions are cut off for whole numbers, as in
 * torch.tensor.
 * @throws McLossError ERR_ARGUMENT for a number that the dtype cannot hold
 */
export function arrayOf(elements: readonly Scalar[], dtype: Dtype): TypedArray {
  checkRange(elements, dtype);
  const integers = INTEGERS[dtype];
  if (integers) return integers.make(elements);
  if (dtype === "bool") return Uint8Array.from(elements, (element) => (isTrue(element) ? 1 : 0));
  return dtype === "float32" ? Float32Array.from(elements, toNumber) : Float64Array.from(elements, toNumber);
}

/** NaN is true, as in PyTorch. */
function isTrue(element: Scalar): boolean {
  return Boolean(element) || Number.isNaN(element);
}

/** @throws McLossError ERR_ARGUMENT for an element of a typed array that `dtype`, which it is converted to, cannot hold */
export function checkConversion(array: TypedArray, dtype: Dtype): void {
  const from = dtypeOf(array);
  if (from !== dtype && !holds(dtype, from)) checkRange(array, dtype);
}

/** Whether every number of one type is within the range of the other. */
function holds(dtype: Dtype, from: Dtype): boolean {
  if (WITHOUT_INFINITY.includes(dtype)) return false;
  const [range, given] = [INTEGERS[dtype], INTEGERS[from]];
  if (range) return given !== undefined && given.least >= range.least && given.most <= range.most;
  const limit = INFINITE[dtype] ?? Infinity;
  return (given ? Number(given.most) : (INFINITE[from] ?? Infinity)) <= limit;
}

function checkRange(elements: Iterable<Scalar>, dtype: Dtype): void {
  const fits = fitting(dtype);
  let position = 0;
  for (const element of elements) {
    if (!fits(element)) throw outOfRange(element, position, dtype);
    position += 1;
  }
}

function fitting(dtype: Dtype): (element: Scalar) => boolean {
  const integers = INTEGERS[dtype];
  if (dtype === "bool") return () => true;
  return integers ? (element) => isWithin(element, integers) : (element) => isInRange(element, dtype);
}

/** Compared exactly, whether it is a number or a bigint. */
function isWithin(element: Scalar, { least, most }: IntegerType): boolean {
  if (typeof element === "boolean") return true;
  const whole = typeof element === "number" ? Math.trunc(element) : element;
  return whole >= least && whole <= most;
}

function isInRange(element: Scalar, dtype: Dtype): boolean {
  const value = Number(element);
  if (Number.isNaN(value)) return true;
  if (dtype === POWERS_OF_TWO && value <= 0) return false;
  if (Math.abs(value) < (INFINITE[dtype] ?? Infinity)) return true;
  // What was infinite remains so.
  return typeof element === "number" && !Number.isFinite(element) && !WITHOUT_INFINITY.includes(dtype);
}

function outOfRange(element: Scalar, position: number, dtype: Dtype): McLossError {
  return invalidArgument("data", `has ${element} at position ${position}, which does not fit ${dtype}`);
}
