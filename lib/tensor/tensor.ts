import { abortOptions, instanceOf, optionsOf, parseOptions } from "../schema.js";
import { invalidArgument, McLossError } from "../errors.js";
import { abortable, rejecting, type AbortOptions } from "../native/abortable.js";
import { native, type TensorHandle } from "../native/binding.js";
import { startBackward, graphShape, startingGradient, type GraphOptions } from "./backward.js";
import { checkDevice, isDtype, type Device, type Dtype, type TypedArray } from "../native/dtype.js";
import type { Scalar } from "./elements.js";
import { disposedHandle, giveHandle } from "./handle-pool.js";
import { HookHandle, nativeHook, type HookResult } from "./hooks.js";
import { readAt, writeAt, type TensorIndex } from "./indexing.js";
import { TensorOperators } from "./operators.js";
import { unwatch, watch } from "./memory-debug.js";
import { call, fromNative, NativeObject, ops, recording, resultsAre } from "./ops.js";
import { register, unregister } from "./scope.js";
import { shown } from "../shown.js";

export {
  Complex,
  listOperators,
  ops,
  opsInTurn,
  ScriptObject,
  type OpArgument,
  type OperatorDescription,
  type OpResult,
} from "./ops.js";

/** Options of sum() and mean(). */
export interface ReductionOptions {
  /** Keeps the reduced dimensions, with size 1. Default: false. */
  keepdim?: boolean;
  /** Converts to this dtype first. */
  dtype?: Dtype;
}

/** A source of random numbers with a seed of its own (torch.Generator). */
export class Generator extends NativeObject {
  readonly #handle;

  /**
   * @param seed a non-negative integer
   * @param device where the tensors are that it fills
   */
  constructor(seed: number, device: Device = "cpu") {
    super();
    this.#handle = native().generator(checkSeed(seed), checkDevice("device", device));
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

/**
 * A multi-dimensional array that LibTorch owns (torch.Tensor). Its memory is freed by dispose(), by the tidy() or
 * `using` around it, or, late, by the garbage collector. Using a disposed tensor throws `ERR_DISPOSED`.
 */
export class Tensor extends TensorOperators {
  #handle: TensorHandle;

  /** @internal */
  constructor(handle: TensorHandle) {
    super();
    this.#handle = handle;
    register(this);
    watch(this);
  }

  /** @internal */
  override get handle(): TensorHandle {
    return this.#handle;
  }

  /** The size of each dimension; [] for a scalar. */
  get shape(): number[] {
    return native().shape(this.#handle);
  }

  /** The number of dimensions. */
  get ndim(): number {
    return native().ndim(this.#handle);
  }

  /** The type of the elements. */
  get dtype(): Dtype {
    return native().describe(this.#handle).dtype;
  }

  /** Where the elements are. */
  get device(): Device {
    return native().describe(this.#handle).device;
  }

  /** Whether operations on it are recorded for backward(). */
  get requiresGrad(): boolean {
    return native().describe(this.#handle).requiresGrad;
  }

  /** Whether dispose() was called, by hand or by a tidy(). */
  get disposed(): boolean {
    return this.#handle === disposedHandle();
  }

  /**
   * The gradient that backward() accumulated here, or null. Assign null to clear it.
   * @throws McLossError ERR_BUSY while backward() or a training step has not ended; {@link gradient} waits for it
   */
  get grad(): Tensor | null {
    const handle = native().grad(this.#handle);
    return handle ? new Tensor(handle) : null;
  }

  /** @throws McLossError ERR_ARGUMENT for anything but null */
  set grad(value: Tensor | null) {
    if (value !== null) throw invalidArgument("grad", "can only be set to null");
    native().clearGrad(this.#handle);
  }

  /** A copy of the gradient as it is when what was asked for before has been done; null where there is none. */
  async gradient({ signal }: AbortOptions = {}): Promise<Tensor | null> {
    const handle = await abortable(signal, "gradient()", (binding) => binding.copyGradient(this.#handle));
    return handle ? new Tensor(handle) : null;
  }

  /**
   * The elements in row-major order, in the typed array of the dtype. float16, bfloat16 and float8 come as Float32Array;
   * bool as Uint8Array of 0 and 1; complex numbers as real and imaginary parts in turn, so that there are twice as many;
   * float4_e2m1fn_x2 as Uint8Array of packed pairs.
   */
  data(options: AbortOptions = {}): Promise<TypedArray> {
    return rejecting(() => {
      const { signal } = parseOptions(abortOptions, options);
      return abortable(signal, "reading a tensor", (binding) => binding.data(this.#handle));
    });
  }

  /**
   * The value of a tensor with one element. Integers beyond 2^53 come as bigint, bool as boolean, complex numbers as Complex.
   * @throws McLossError ERR_SHAPE for more or fewer elements
   */
  item(): number {
    const { shape } = this;
    if (shape.some((size) => size !== 1)) {
      throw new McLossError(
        "ERR_SHAPE",
        `item() needs a tensor with one element, got shape [${shape.join(", ")}]`,
      );
    }
    return fromNative(native().item(this.#handle)) as number;
  }

  /**
   * Accumulates d(this)/d(leaf) into the `grad` of every leaf that requires it (torch.Tensor.backward).
   * @param options.gradient of the same shape; may be omitted for a scalar
   * @param options.retainGraph keeps what another backward() through the same graph needs; default: as createGraph
   * @param options.createGraph records the gradients' own computation, for second derivatives
   * @throws McLossError ERR_SHAPE, or ERR_TORCH with LibTorch's reason; and what a hook or a custom function threw
   */
  backward(options: { gradient?: Tensor } & GraphOptions = {}): Promise<void> {
    return rejecting(() => {
      const { gradient, ...graph } = parseOptions(backwardOptions, options);
      return startBackward([this], [], () => [startingGradient("gradient", this, gradient)], graph);
    });
  }

  /**
   * Has `hook`, sync or async, called with each gradient of this tensor that backward computes, before it is used
   * further; a tensor that it returns takes the gradient's place (torch.Tensor.register_hook). Hooks are called in
   * the order of their registration, each with what the one before it made. Backward waits for them on its own thread
   * and rejects with what they throw. A hook that refers to its own tensor keeps it alive until remove() or dispose().
   * @throws McLossError ERR_TORCH for a tensor that requires no gradient
   */
  registerHook(hook: (gradient: Tensor) => HookResult | Promise<HookResult>): HookHandle {
    return new HookHandle(
      native().registerHook(
        this.#handle,
        nativeHook((gradient) => hook(new Tensor(gradient))),
      ),
    );
  }

  /**
   * Has `hook`, sync or async, called with this leaf, as another handle, whenever a gradient has been accumulated in
   * its `grad` (torch.Tensor.register_post_accumulate_grad_hook), for example to use the gradient and free it early.
   * @throws McLossError ERR_ARGUMENT for a tensor that is no leaf or requires no gradient
   */
  registerPostAccumulateGradHook(hook: (leaf: Tensor) => void | Promise<void>): HookHandle {
    return new HookHandle(
      native().registerPostAccumulateGradHook(
        this.#handle,
        nativeHook((leaf) => hook(new Tensor(leaf))),
      ),
    );
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
  setAt(value: Tensor | Scalar, ...index: TensorIndex[]): void {
    writeAt(this, value, index);
  }

  /** Frees this handle's share of the memory. May be called again. */
  dispose(): void {
    if (this.disposed) return;
    native().dispose(this.#handle);
    giveHandle(this.#handle);
    this.#handle = disposedHandle();
    unregister(this);
    unwatch(this);
  }

  /** Calls dispose(): for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  override toString(): string {
    if (this.disposed) return "Tensor(disposed)";
    const { shape, dtype, device } = native().describe(this.#handle);
    return `Tensor(${dtype} [${shape.join(", ")}] on ${device})`;
  }
}

const backwardOptions = optionsOf<{ gradient?: Tensor } & GraphOptions>({
  ...graphShape,
  gradient: instanceOf(Tensor, "a Tensor").optional(),
});

resultsAre((handle) => new Tensor(handle));

/**
 * Seeds what operators draw from where they are given no generator, such as dropout (torch.manual_seed): on the CPU the
 * generator of this environment, the main thread or a worker, which no other draws from; on GPUs those of the process.
 */
export function manualSeed(seed: number): void {
  native().manualSeed(checkSeed(seed));
}

function checkSeed(seed: number): number {
  if (Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw invalidArgument("seed", `must be a non-negative integer, got ${shown(seed)}`);
}

function reductionOptions(options: ReductionOptions | boolean): ReductionOptions {
  return typeof options === "boolean" ? { keepdim: options } : options;
}
