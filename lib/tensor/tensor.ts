import { invalidArgument, McLossError } from "../errors.js";
import { native, type TensorHandle } from "../native/binding.js";
import { checkDevice, isDtype, type Device, type Dtype, type TypedArray } from "./dtype.js";
import { gradEnabled } from "./grad-mode.js";
import { register } from "./scope.js";

/** Arguments of {@link ops}: what an operator's schema can ask for. */
export type OpArgument =
  Tensor | Generator | number | bigint | boolean | string | null | undefined | readonly OpArgument[];

/** Results of {@link ops}. */
export type OpResult = Tensor | number | bigint | boolean | string | null | undefined | OpResult[];

/** A source of random numbers with a seed of its own (torch.Generator, on the CPU). */
export class Generator {
  readonly #handle;

  /** @param seed a non-negative integer */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw invalidArgument("seed", `must be a non-negative integer, got ${seed}`);
    }
    this.#handle = native().generator(seed);
  }

  /** @internal */
  get handle() {
    return this.#handle;
  }

  dispose(): void {
    native().dispose(this.#handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * A multi-dimensional array that LibTorch owns (torch.Tensor). Its memory is freed by dispose(), by the tidy() or
 * `using` around it, or, late, by the garbage collector. Using a disposed tensor throws `ERR_DISPOSED`.
 */
export class Tensor {
  readonly #handle: TensorHandle;

  /** @internal */
  constructor(handle: TensorHandle) {
    this.#handle = handle;
    register(this);
  }

  /** @internal */
  get handle(): TensorHandle {
    return this.#handle;
  }

  get shape(): number[] {
    return native().describe(this.#handle).shape;
  }

  get dtype(): Dtype {
    return native().describe(this.#handle).dtype;
  }

  get device(): Device {
    return native().describe(this.#handle).device;
  }

  get requiresGrad(): boolean {
    return native().describe(this.#handle).requiresGrad;
  }

  get disposed(): boolean {
    return native().isDisposed(this.#handle);
  }

  /** The gradient that backward() accumulated here, or null. Assign null to clear it. */
  get grad(): Tensor | null {
    const handle = native().grad(this.#handle);
    return handle ? new Tensor(handle) : null;
  }

  set grad(value: Tensor | null) {
    if (value !== null) throw invalidArgument("grad", "can only be set to null");
    native().clearGrad(this.#handle);
  }

  /** The elements in row-major order; bfloat16 and float16 as Float32Array, int64 as BigInt64Array. */
  data(): Promise<TypedArray> {
    return native().data(this.#handle);
  }

  /** The value of a tensor with one element. int64 values beyond 2^53 come as bigint. */
  item(): number {
    const { shape } = native().describe(this.#handle);
    if (shape.some((size) => size !== 1)) {
      throw new McLossError(
        "ERR_SHAPE",
        `item() needs a tensor with one element, got shape [${shape.join(", ")}]`,
      );
    }
    return native().item(this.#handle) as number;
  }

  /**
   * Accumulates d(this)/d(leaf) into the `grad` of every leaf that requires it (torch.Tensor.backward).
   * @param options.gradient of the same shape; may be omitted for a scalar
   * @param options.retainGraph keeps what another backward() through the same graph needs
   */
  backward(options: { gradient?: Tensor; retainGraph?: boolean } = {}): Promise<void> {
    return native().backward(this.#handle, options.gradient?.handle ?? null, options.retainGraph ?? false);
  }

  /** A copy with another dtype or on another device (torch.Tensor.to); this tensor itself where nothing changes. */
  to(target: Dtype | Device): Tensor {
    if (isDtype(target)) return ops("aten::to.dtype", this, target) as Tensor;
    return ops("aten::to.device", this, checkDevice("target", target), this.dtype) as Tensor;
  }

  detach(): Tensor {
    return ops("aten::detach", this) as Tensor;
  }
  clone(): Tensor {
    return ops("aten::clone", this) as Tensor;
  }
  /** A leaf with the same elements that records gradients (detach().requires_grad_()). */
  withGrad(): Tensor {
    const leaf = this.detach();
    try {
      return ops("aten::requires_grad_", leaf) as Tensor;
    } finally {
      // The result is a second handle on the same tensor; this one would keep its gradient alive.
      leaf.dispose();
    }
  }

  add(other: Tensor | number): Tensor {
    return ops("aten::add.Tensor", this, other) as Tensor;
  }
  sub(other: Tensor | number): Tensor {
    return ops("aten::sub.Tensor", this, other) as Tensor;
  }
  mul(other: Tensor | number): Tensor {
    return ops("aten::mul.Tensor", this, other) as Tensor;
  }
  div(other: Tensor | number): Tensor {
    return ops("aten::div.Tensor", this, other) as Tensor;
  }
  neg(): Tensor {
    return ops("aten::neg", this) as Tensor;
  }
  matmul(other: Tensor): Tensor {
    return ops("aten::matmul", this, other) as Tensor;
  }
  exp(): Tensor {
    return ops("aten::exp", this) as Tensor;
  }
  log(): Tensor {
    return ops("aten::log", this) as Tensor;
  }
  sqrt(): Tensor {
    return ops("aten::sqrt", this) as Tensor;
  }
  abs(): Tensor {
    return ops("aten::abs", this) as Tensor;
  }
  relu(): Tensor {
    return ops("aten::relu", this) as Tensor;
  }
  softmax(dim: number): Tensor {
    return ops("aten::softmax.int", this, dim) as Tensor;
  }
  /** The sum over `dim`, or over everything. */
  sum(dim?: number | number[], keepdim = false): Tensor {
    if (dim === undefined) return ops("aten::sum", this) as Tensor;
    return ops("aten::sum.dim_IntList", this, [dim].flat(), keepdim) as Tensor;
  }
  /** The mean over `dim`, or over everything. */
  mean(dim?: number | number[], keepdim = false): Tensor {
    if (dim === undefined) return ops("aten::mean", this) as Tensor;
    return ops("aten::mean.dim", this, [dim].flat(), keepdim) as Tensor;
  }
  /** The largest element. */
  max(): Tensor {
    return ops("aten::max", this) as Tensor;
  }
  argmax(dim?: number): Tensor {
    return ops("aten::argmax", this, dim) as Tensor;
  }
  reshape(shape: readonly number[]): Tensor {
    return ops("aten::reshape", this, shape) as Tensor;
  }
  permute(dims: readonly number[]): Tensor {
    return ops("aten::permute", this, dims) as Tensor;
  }
  transpose(dim0: number, dim1: number): Tensor {
    return ops("aten::transpose.int", this, dim0, dim1) as Tensor;
  }
  flatten(startDim = 0, endDim = -1): Tensor {
    return ops("aten::flatten.using_ints", this, startDim, endDim) as Tensor;
  }
  /** `length` places from `start` along `dim`, sharing memory. */
  narrow(dim: number, start: number, length: number): Tensor {
    return ops("aten::narrow", this, dim, start, length) as Tensor;
  }

  /** Frees this handle's share of the memory. May be called again. */
  dispose(): void {
    native().dispose(this.#handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    if (this.disposed) return "Tensor(disposed)";
    const { shape, dtype, device } = native().describe(this.#handle);
    return `Tensor(${dtype} [${shape.join(", ")}] on ${device})`;
  }
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
  const positional = isNamed(last) ? args.slice(0, -1) : args;
  const handles = Object.fromEntries(Object.entries(named).map(([key, value]) => [key, toNative(value)]));
  return fromNative(native().call(name, positional.map(toNative), handles, gradEnabled()));
}

function isNamed(value: unknown): value is Record<string, OpArgument> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function toNative(value: unknown): unknown {
  if (value instanceof Tensor || value instanceof Generator) return value.handle;
  return Array.isArray(value) ? value.map(toNative) : value;
}

function fromNative(value: unknown): OpResult {
  if (Array.isArray(value)) return value.map(fromNative);
  return typeof value === "object" && value !== null
    ? new Tensor(value as TensorHandle)
    : (value as OpResult);
}
