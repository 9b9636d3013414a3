import { invalidArgument, McLossError } from "../errors.js";
import { native, type TensorHandle } from "../native/binding.js";
import { checkDevice, isDtype, type Device, type Dtype, type TypedArray } from "./dtype.js";
import { readAt, writeAt, type TensorIndex } from "./indexing.js";
import { TensorOperators } from "./operators.js";
import { call, NativeObject, ops, recording, resultsAre } from "./ops.js";
import { register } from "./scope.js";

export { ops, type OpArgument, type OpResult } from "./ops.js";

/** Options of sum() and mean(). */
export interface ReductionOptions {
  /** Keeps the reduced dimensions, with size 1. Default: false. */
  keepdim?: boolean;
  /** Converts to this dtype first. */
  dtype?: Dtype;
}

/** A source of random numbers with a seed of its own (torch.Generator, on the CPU). */
export class Generator extends NativeObject {
  readonly #handle;

  /** @param seed a non-negative integer */
  constructor(seed: number) {
    super();
    this.#handle = native().generator(checkSeed(seed));
  }

  /** @internal */
  override get handle() {
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
export class Tensor extends TensorOperators {
  readonly #handle: TensorHandle;

  /** @internal */
  constructor(handle: TensorHandle) {
    super();
    this.#handle = handle;
    register(this);
  }

  /** @internal */
  override get handle(): TensorHandle {
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

  /** A leaf with the same elements that records gradients (detach().requires_grad_()). */
  withGrad(): Tensor {
    return recording(this.detach());
  }

  /**
   * The sum over `dim`, or over everything (torch.sum).
   * @param options `{ keepdim, dtype }`, or keepdim alone
   */
  sum(dim?: number | readonly number[], options: ReductionOptions | boolean = {}): Tensor {
    return call("aten::sum.dim_IntList", [this, dim], reductionOptions(options)) as Tensor;
  }
  /**
   * The mean over `dim`, or over everything (torch.mean).
   * @param options `{ keepdim, dtype }`, or keepdim alone
   */
  mean(dim?: number | readonly number[], options: ReductionOptions | boolean = {}): Tensor {
    return call("aten::mean.dim", [this, dim], reductionOptions(options)) as Tensor;
  }

  /**
   * A part of this tensor, as PyTorch's x[...]: integers, {@link slice}, "..." for all dimensions between, null for
   * a new dimension, and boolean or integer tensors. It shares memory where no tensor is among them.
   */
  at(...index: TensorIndex[]): Tensor {
    return readAt(this, index);
  }
  /** Writes `value`, broadcast, into the part that {@link at} would give. */
  setAt(value: Tensor | number, ...index: TensorIndex[]): void {
    writeAt(this, value, index);
  }

  /** Frees this handle's share of the memory. May be called again. */
  dispose(): void {
    native().dispose(this.#handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  override toString(): string {
    if (this.disposed) return "Tensor(disposed)";
    const { shape, dtype, device } = native().describe(this.#handle);
    return `Tensor(${dtype} [${shape.join(", ")}] on ${device})`;
  }
}

resultsAre((handle) => new Tensor(handle));

/** Seeds LibTorch's own generators, of every device (torch.manual_seed). They serve the whole process. */
export function manualSeed(seed: number): void {
  native().manualSeed(checkSeed(seed));
}

function checkSeed(seed: number): number {
  if (Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw invalidArgument("seed", `must be a non-negative integer, got ${seed}`);
}

function reductionOptions(options: ReductionOptions | boolean): ReductionOptions {
  return typeof options === "boolean" ? { keepdim: options } : options;
}
