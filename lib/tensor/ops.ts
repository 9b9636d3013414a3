import { McLossError } from "../errors.js";
import { native, type Handle, type TensorHandle } from "../native/binding.js";
import type { Device, Dtype } from "./dtype.js";
import { gradEnabled } from "./grad-mode.js";
// Types only: at run time tensor.ts builds on this module and hands it the constructor by resultsAre().
import type { Tensor } from "./tensor.js";

/** What stands for a native object: a {@link Tensor} or a Generator. */
export abstract class NativeObject {
  /** @internal */
  abstract get handle(): Handle;
}

/** Arguments of {@link ops}: what an operator's schema can ask for. */
export type OpArgument =
  NativeObject | number | bigint | boolean | string | null | undefined | readonly OpArgument[];

/** Results of {@link ops}. */
export type OpResult = Tensor | number | bigint | boolean | string | null | undefined | OpResult[];

/** How a tensor lies in memory. */
export type MemoryFormat = "contiguous" | "channelsLast" | "preserve";

/** What a loss makes of its elements: all of them, their mean or their sum. */
export type Reduction = "none" | "mean" | "sum";

/** Options of the functions that make tensors. */
export interface CreationOptions {
  /** Default: the operator's own, mostly float32. */
  dtype?: Dtype;
  /** Default: "cpu". */
  device?: Device;
  /** Records operations for backward(). Default: false. */
  requiresGrad?: boolean;
}

let makeTensor: ((handle: TensorHandle) => Tensor) | undefined;

/** Called once by tensor.ts. */
export function resultsAre(make: (handle: TensorHandle) => Tensor): void {
  makeTensor = make;
}

/**
 * Calls any operator of LibTorch's dispatcher, for example `ops("aten::add.Tensor", a, b, { alpha: 2 })`.
 * Arguments follow the operator's schema; a plain object at the end gives the rest by name. dtypes, devices and
 * memory formats are strings.
 * @throws McLossError with `op` set to the name
 */
export function ops(name: string, ...args: (OpArgument | Record<string, OpArgument>)[]): OpResult {
  const last = args.at(-1);
  const named = isNamed(last) ? last : {};
  return run(name, isNamed(last) ? args.slice(0, -1) : args, named);
}

/** Calls an operator with options by their camelCase names. For the generated surface. */
export function call(name: string, args: readonly unknown[], options: unknown = {}): OpResult {
  if (!isNamed(options)) throw wrongOption(name, "options", "must be an object");
  const named = Object.entries(options).map(([key, value]) => [
    key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    key === "reduction" ? reductionCode(name, value) : value,
  ]);
  return run(name, args, Object.fromEntries(named) as Record<string, unknown>);
}

/** {@link call} for operators that make tensors: adds the option `requiresGrad`. */
export function create(name: string, args: readonly unknown[], options: unknown = {}): Tensor {
  if (!isNamed(options)) throw wrongOption(name, "options", "must be an object");
  const { requiresGrad = false, ...rest } = options;
  const made = call(name, args, rest) as Tensor;
  return requiresGrad === true ? recording(made) : made;
}

/** `tensor`, a leaf, recording gradients from now on. */
export function recording(tensor: Tensor): Tensor {
  try {
    return ops("aten::requires_grad_", tensor) as Tensor;
  } finally {
    // The result is a second handle on the same tensor; this one would keep its gradient alive.
    tensor.dispose();
  }
}

/** Results by position and by name, like PyTorch's named tuples. A name may hide a method of arrays: `values`. */
export type NamedResults<Tuple extends readonly Tensor[], Name extends string> = Omit<Readonly<Tuple>, Name> &
  Readonly<Record<Name, Tensor>>;

export function withNames(results: OpResult, names: readonly string[]): unknown {
  const tensors = results as OpResult[];
  return Object.assign(tensors, Object.fromEntries(names.map((name, i) => [name, tensors[i]])));
}

/** Whether one of `values` is a tensor: what chooses between an operator's overloads. */
export function anyTensor(...values: unknown[]): boolean {
  return values.some((value) => value instanceof NativeObject);
}

/** The arguments given by position, and the options after them. */
export function splitOptions(args: readonly unknown[]): [given: unknown[], options: Record<string, unknown>] {
  const last = args.at(-1);
  const given = isNamed(last) ? args.slice(0, -1) : [...args];
  // max(undefined) is max().
  while (given.length > 0 && given.at(-1) === undefined) given.pop();
  return [given, isNamed(last) ? last : {}];
}

const REDUCTIONS: readonly unknown[] = ["none", "mean", "sum"] satisfies Reduction[];

function reductionCode(op: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const code = REDUCTIONS.indexOf(value);
  if (code < 0) throw wrongOption(op, "reduction", 'must be "none", "mean" or "sum"');
  return code;
}

function wrongOption(op: string, argument: string, problem: string): McLossError {
  return new McLossError("ERR_ARGUMENT", `${op}: ${argument} ${problem}`, { op, argument });
}

function run(name: string, args: readonly unknown[], named: Record<string, unknown>): OpResult {
  const handles = Object.fromEntries(Object.entries(named).map(([key, value]) => [key, toNative(value)]));
  return fromNative(native().call(name, args.map(toNative), handles, gradEnabled()));
}

function isNamed(value: unknown): value is Record<string, OpArgument> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function toNative(value: unknown): unknown {
  if (value instanceof NativeObject) return value.handle;
  return Array.isArray(value) ? value.map(toNative) : value;
}

function fromNative(value: unknown): OpResult {
  if (Array.isArray(value)) return value.map(fromNative);
  if (typeof value !== "object" || value === null) return value as OpResult;
  if (!makeTensor) throw new Error("tensor.ts has not been loaded");
  return makeTensor(value as TensorHandle);
}
