import { invalidArgument, McLossError } from "../errors.js";
import { native, type Handle, type TensorHandle } from "../native/binding.js";
import type { Device, Dtype } from "../native/dtype.js";
import { operationMode } from "./grad-mode.js";
import { giveHandle, takeHandle } from "./handle-pool.js";
import { register } from "./scope.js";
// Types only: at run time tensor.ts builds on this module and hands it the constructor by resultsAre().
import type { Tensor } from "./tensor.js";

/** What stands for a native object: a {@link Tensor}, a Generator or a {@link ScriptObject}. */
export abstract class NativeObject {
  /** @internal */
  abstract get handle(): Handle;
}

/** An object of a class that LibTorch defines (torch.ScriptObject), such as packed weights. {@link ops} gives and takes it. */
export class ScriptObject extends NativeObject {
  readonly #handle;

  /** @internal */
  constructor(handle: Handle<"ScriptObject">) {
    super();
    this.#handle = handle;
    register(this);
  }

  /** @internal */
  override get handle() {
    return this.#handle;
  }

  /** Frees it. May be called again. */
  dispose(): void {
    native().dispose(this.#handle);
  }

  /** Calls dispose(): for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** A complex number, where an operator takes or gives one. */
export class Complex {
  constructor(
    readonly re: number,
    readonly im: number,
  ) {}
}

/** Arguments of {@link ops}: what an operator's schema can ask for. */
export type OpArgument =
  NativeObject | Complex | number | bigint | boolean | string | null | undefined | readonly OpArgument[];

/** Results of {@link ops}. */
export type OpResult =
  Tensor | ScriptObject | Complex | number | bigint | boolean | string | null | undefined | OpResult[];

/** How a tensor lies in memory. */
export type MemoryFormat = "contiguous" | "channelsLast" | "channelsLast3d" | "preserve";

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

let makeTensor: (handle: TensorHandle) => Tensor = () => {
  throw new Error("tensor.ts has not been loaded");
};

/** Called once by tensor.ts. */
export function resultsAre(make: (handle: TensorHandle) => Tensor): void {
  makeTensor = make;
}

/** An operator of the dispatcher, as {@link listOperators} describes it. */
export interface OperatorDescription {
  /** With its overload, as {@link ops} takes it: "aten::add.Tensor". */
  name: string;
  /** Arguments, defaults and results, as PyTorch writes them. */
  schema: string;
  /** Types of arguments or results that {@link ops} cannot give or hold; empty for all but a few. See docs/operators.md. */
  unsupported: string[];
}

/** Every operator that {@link ops} reaches: LibTorch's, this package's and those of libraries that were loaded. */
export function listOperators(): OperatorDescription[] {
  return native().listOperators();
}

/** What is known of an operator once it has been called. */
interface Operator {
  readonly id: number;
  readonly name: string;
  readonly schema: string;
  readonly arity: number;
  /** The place of each argument, by the schema's name and in camelCase. */
  readonly places: ReadonlyMap<string, number>;
  /** For each result, the place of the argument that it is; null for a result of its own. */
  readonly written: readonly (number | null)[];
  /** Whether a result is an argument. */
  readonly writes: boolean;
}

const operators = new Map<string, Operator>();

function operatorOf(name: string): Operator {
  if (typeof name !== "string")
    throw invalidArgument("name", 'must be an operator, such as "aten::add.Tensor"');
  const known = operators.get(name);
  if (known) return known;
  const { id, schema, parameters, written } = native().findOperator(name);
  const places = new Map(
    parameters.flatMap((each, i) => [[camelCase(each), i] as const, [each, i] as const]),
  );
  const writes = written.some((place) => place !== null);
  const operator = { id, name, schema, arity: parameters.length, places, written, writes };
  operators.set(name, operator);
  return operator;
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * Calls any operator of LibTorch's dispatcher, for example `ops("aten::add.Tensor", a, b, { alpha: 2 })`.
 *
 * Arguments follow the operator's schema; a plain object at the end gives the rest by name, as the schema has it or in
 * camelCase. dtypes ("float32"), devices ("cuda:0"), layouts ("sparseCoo"), memory formats ("channelsLast") and, as
 * their device, streams are strings; a storage is given as its tensor; null is None. Several results come as an array,
 * none as undefined, a dictionary as an array of pairs. An argument that the operator writes to and returns, as in
 * `aten::add_.Tensor`, comes back as the object that was given. {@link listOperators} has the schemas.
 * @throws McLossError with `op` set to the name, and `argument` where one is at fault
 */
export function ops(name: string, ...args: (OpArgument | Record<string, OpArgument>)[]): OpResult {
  const operator = operatorOf(name);
  const named = isNamed(args.at(-1)) ? (args.pop() as Record<string, OpArgument>) : undefined;
  return run(operator, args, named);
}

/**
 * {@link ops} on the native thread, in the order of everything that is asked for there: for operators that take long, so
 * that the event loop stays free.
 * @throws McLossError as {@link ops}, as a rejection
 */
export async function opsInTurn(
  name: string,
  ...args: (OpArgument | Record<string, OpArgument>)[]
): Promise<OpResult> {
  const operator = operatorOf(name);
  const named = isNamed(args.at(-1)) ? (args.pop() as Record<string, OpArgument>) : undefined;
  // eslint-disable-next-line no-restricted-syntax -- at most the operator's arity
  const job = native().callInTurn(operator.id, operationMode(), ...nativeArguments(operator, args, named));
  return resultOf(operator, await job, args, named);
}

/** Calls an operator with options in camelCase. For the generated surface. */
export function call(name: string, args: readonly unknown[], options?: unknown): OpResult {
  const operator = operatorOf(name);
  if (options === undefined) return run(operator, args, undefined);
  if (!isNamed(options)) throw wrongOption(name, "options", "must be an object");
  return run(operator, args, withCodes(name, options));
}

/** {@link call} for operators that make tensors: adds the option `requiresGrad`. */
export function create(name: string, args: readonly unknown[], options?: unknown): Tensor {
  if (!isNamed(options)) return call(name, args, options) as Tensor;
  const { requiresGrad = false, ...rest } = options;
  const made = call(name, args, rest) as Tensor;
  return requiresGrad === true ? recording(made) : made;
}

/** `tensor`, a leaf, recording gradients from now on. */
export function recording(tensor: Tensor): Tensor {
  return ops("aten::requires_grad_", tensor) as Tensor;
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
export function splitOptions(
  args: readonly unknown[],
): [given: unknown[], options: Record<string, unknown> | undefined] {
  const last = args.at(-1);
  const given = isNamed(last) ? args.slice(0, -1) : [...args];
  // max(undefined) is max().
  while (given.length > 0 && given.at(-1) === undefined) given.pop();
  return [given, isNamed(last) ? last : undefined];
}

/** Options that are words here and numbers in LibTorch. */
const CODES: Readonly<Record<string, readonly unknown[]>> = {
  reduction: ["none", "mean", "sum"] satisfies Reduction[],
  interpolationMode: ["bilinear", "nearest", "bicubic"],
  paddingMode: ["zeros", "border", "reflection"],
};

function withCodes(op: string, options: Record<string, unknown>): Record<string, unknown> {
  let coded = options;
  for (const key in CODES) {
    if (options[key] !== undefined) coded = { ...coded, [key]: codeOf(op, key, options[key]) };
  }
  return coded;
}

function codeOf(op: string, option: string, value: unknown): number {
  const words = CODES[option] ?? [];
  const code = words.indexOf(value);
  if (code < 0) {
    throw wrongOption(op, option, `must be ${words.map((word) => JSON.stringify(word)).join(", ")}`);
  }
  return code;
}

function wrongOption(op: string, argument: string, problem: string): McLossError {
  return new McLossError("ERR_ARGUMENT", `${op}: ${argument} ${problem}`, { op, argument });
}

function run(
  operator: Operator,
  given: readonly unknown[],
  named: Record<string, unknown> | undefined,
): OpResult {
  const args = nativeArguments(operator, given, named);
  const empty = takeHandle();
  // eslint-disable-next-line no-restricted-syntax -- at most the operator's arity
  const result = native().call(operator.id, operationMode(), empty, ...args);
  if (empty !== undefined && result !== empty) giveHandle(empty);
  return resultOf(operator, result, given, named);
}

/** The arguments in the places that the schema has for them. */
function nativeArguments(
  operator: Operator,
  given: readonly unknown[],
  named: Record<string, unknown> | undefined,
): unknown[] {
  const args = given.map(toNative);
  if (args.length > operator.arity) throw tooMany(operator, args.length);
  if (named) placeNamed(operator, args, named);
  return args;
}

function resultOf(
  operator: Operator,
  result: unknown,
  given: readonly unknown[],
  named: Record<string, unknown> | undefined,
): OpResult {
  return operator.writes ? withWritten(operator, result, given, named) : fromNative(result);
}

/** Puts the arguments given by name where the schema has them. */
function placeNamed(operator: Operator, args: unknown[], named: Record<string, unknown>): void {
  const positional = args.length;
  for (const key of Object.keys(named)) {
    const place = operator.places.get(key);
    if (place === undefined)
      throw wrongOption(operator.name, key, `is an option not of this operator: ${operator.schema}`);
    if (place < positional) throw wrongOption(operator.name, key, "is given by position and by name");
    while (args.length < place) args.push(undefined);
    args[place] = toNative(named[key]);
  }
}

/** The results, with the arguments among them as they were given. */
function withWritten(
  operator: Operator,
  result: unknown,
  given: readonly unknown[],
  named: Record<string, unknown> = {},
): OpResult {
  const argumentAt = (place: number): unknown => {
    if (place < given.length) return given[place];
    return Object.entries(named).find(([key]) => operator.places.get(key) === place)?.[1];
  };
  const results = operator.written.length === 1 ? [result] : (result as unknown[]);
  const all = operator.written.map((place, i) =>
    place === null ? fromNative(results[i]) : (argumentAt(place) as Tensor),
  );
  return operator.written.length === 1 ? all[0] : all;
}

function tooMany(operator: Operator, count: number): McLossError {
  const text = `${operator.name}: takes at most ${operator.arity} arguments, got ${count}: ${operator.schema}`;
  return new McLossError("ERR_ARGUMENT", text, { op: operator.name });
}

function isNamed(value: unknown): value is Record<string, OpArgument> {
  if (typeof value !== "object" || value === null || value instanceof NativeObject) return false;
  return Object.getPrototypeOf(value) === Object.prototype;
}

function toNative(value: unknown): unknown {
  if (value instanceof NativeObject) return value.handle;
  return Array.isArray(value) ? listToNative(value, 1) : value;
}

/** More than any operator's lists are nested, and few enough for a list that is a part of itself. */
const DEEPEST_LIST = 8;

function listToNative(list: readonly unknown[], depth: number): unknown[] {
  if (depth > DEEPEST_LIST) throw invalidArgument("a list", `must be nested at most ${DEEPEST_LIST} deep`);
  return list.map((value) => (Array.isArray(value) ? listToNative(value, depth + 1) : toNative(value)));
}

/** What a native result stands for. */
export function fromNative(value: unknown): OpResult {
  if (typeof value !== "object" || value === null) return value as OpResult;
  if (Array.isArray(value)) return value.map(fromNative);
  const { kind } = value as { kind?: "complex" | "object" };
  if (kind === undefined) return makeTensor(value as TensorHandle);
  if (kind === "object") return new ScriptObject((value as { handle: Handle<"ScriptObject"> }).handle);
  const { re, im } = value as Complex;
  return new Complex(re, im);
}
