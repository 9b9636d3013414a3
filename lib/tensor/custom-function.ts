import { invalidArgument } from "../errors.js";
import { native, type TensorHandle } from "../native/binding.js";
import type { NativeCallback } from "../native/callbacks.js";
import { gradEnabled, operationMode, runInMode } from "./grad-mode.js";
import { tidy } from "./scope.js";
import { Tensor } from "./tensor.js";

/** What forward tells backward. */
export interface ForwardContext {
  /** For each input of forward: whether it is a tensor whose gradient will be needed. */
  readonly needsInputGrad: readonly boolean[];
  /** Anything but tensors that backward needs. */
  readonly savedData: Record<string, unknown>;
  /**
   * Keeps tensors for backward until it has run: inputs, outputs, or others, through which no second derivative
   * flows. They may be disposed meanwhile; changing one in place makes backward fail.
   */
  saveForBackward(...tensors: readonly (Tensor | null)[]): void;
  /** Tells outputs that have no gradient, such as indices. Integers have none anyway. */
  markNonDifferentiable(...outputs: readonly Tensor[]): void;
}

/** What backward knows of its forward. */
export interface BackwardContext {
  /** What saveForBackward() was given. */
  readonly savedTensors: readonly (Tensor | null)[];
  /** For each input of forward: whether this backward needs its gradient. */
  readonly needsInputGrad: readonly boolean[];
  readonly savedData: Record<string, unknown>;
}

/** A gradient for each input of forward, null where there is none; alone where there is one input. */
export type InputGradients = Tensor | null | readonly (Tensor | null)[];

type Outputs = Tensor | readonly Tensor[];

/** A function and its derivative; see {@link customFunction}. */
export interface CustomFunction<
  Inputs extends readonly unknown[],
  Result extends Outputs | Promise<Outputs>,
> {
  /** Its name in errors. Default: "CustomFunction". */
  name?: string;
  /** Computes the outputs, sync or async. Its operations are not recorded. */
  forward(context: ForwardContext, ...inputs: Inputs): Result;
  /**
   * Computes the gradients of the inputs, each of its input's shape, from those of the outputs, sync or async.
   * Tensors that it makes are disposed after it, but for those that it returns. Where second derivatives are asked
   * for (createGraph) its operations are recorded, so they must be differentiable.
   */
  backward(context: BackwardContext, ...gradients: Tensor[]): InputGradients | Promise<InputGradients>;
}

/**
 * A differentiable function whose backward is written in TypeScript (torch.autograd.Function):
 *
 * ```ts
 * const cube = customFunction({
 *   forward(context, x: Tensor) {
 *     context.saveForBackward(x);
 *     return x.pow(3);
 *   },
 *   backward: ({ savedTensors: [x] }, gradient) => gradient.mul(x!.pow(2)).mul(3),
 * });
 * ```
 *
 * Inputs that are tensors, but not those in arrays, take part in the graph. backward runs on the JavaScript thread
 * while the pass that needs it waits, and may await other calls of this package. What it throws, the pass rejects with.
 */
export function customFunction<Inputs extends readonly unknown[], Result extends Outputs | Promise<Outputs>>(
  definition: CustomFunction<Inputs, Result>,
): (...inputs: Inputs) => Result {
  return (...inputs) => {
    const call = new ForwardCall(inputs);
    // eslint-disable-next-line no-restricted-syntax -- as many as the function has parameters
    const result = runInMode({ recording: "noGrad" }, () => definition.forward(call, ...inputs));
    if (!call.needsInputGrad.includes(true)) return result;
    const name = definition.name ?? "CustomFunction";
    const join = (outputs: Outputs) =>
      call.join(name, outputs, nativeBackward(definition, name, call.savedData));
    return (result instanceof Promise ? result.then(join) : join(result)) as Result;
  };
}

class ForwardCall implements ForwardContext {
  readonly needsInputGrad: readonly boolean[];
  readonly savedData: Record<string, unknown> = {};
  #saved: readonly (Tensor | null)[] = [];
  #nonDifferentiable: readonly Tensor[] = [];
  readonly #inputs: readonly unknown[];

  constructor(inputs: readonly unknown[]) {
    this.#inputs = inputs;
    const recording = gradEnabled();
    this.needsInputGrad = inputs.map((input) => recording && input instanceof Tensor && input.requiresGrad);
  }

  saveForBackward(...tensors: readonly (Tensor | null)[]): void {
    this.#saved = tensors;
  }

  markNonDifferentiable(...outputs: readonly Tensor[]): void {
    this.#nonDifferentiable = outputs;
  }

  /** The outputs as part of the graph. */
  join(name: string, result: Outputs, backward: (outputs: number) => NativeCallback): Outputs {
    const outputs = result instanceof Tensor ? [result] : result;
    if (!Array.isArray(outputs) || !outputs.every((output) => output instanceof Tensor)) {
      throw invalidArgument("forward", `of ${name} must return a tensor or an array of tensors`);
    }
    const call = {
      name,
      inputs: this.#inputs.map((input) => (input instanceof Tensor ? input.handle : null)),
      outputs: outputs.map((output) => output.handle),
      differentiable: outputs.map((output) => !this.#nonDifferentiable.includes(output)),
      saved: this.#saved.map((tensor) => tensor?.handle ?? null),
      backward: backward(outputs.length),
    };
    const handles = native().applyFunction(call, operationMode());
    const joined = outputs.map((output, i) => {
      const handle = handles[i];
      return handle ? new Tensor(handle) : output;
    });
    return result instanceof Tensor ? (joined[0] ?? result) : joined;
  }
}

// Apart from the forward, whose tensors would live as long as the graph if this function saw them.
function nativeBackward<Inputs extends readonly unknown[], Result extends Outputs | Promise<Outputs>>(
  definition: CustomFunction<Inputs, Result>,
  name: string,
  savedData: Record<string, unknown>,
): (outputs: number) => NativeCallback {
  return (outputs) =>
    ({ tensors, flags, grad }, reply) => {
      const run = () => {
        const given = tensors.map((handle) => (handle ? new Tensor(handle) : null));
        const context = { savedTensors: given.slice(outputs), needsInputGrad: flags, savedData };
        // eslint-disable-next-line no-restricted-syntax -- as many as the function has parameters
        const gradients = definition.backward(context, ...(given.slice(0, outputs) as Tensor[]));
        const answer = (each: InputGradients) => reply(handlesOf(name, each, flags.length));
        return gradients instanceof Promise ? gradients.then(answer) : answer(gradients);
      };
      return tidy(() => runInMode({ recording: grad ? "grad" : "noGrad", pass: null }, run));
    };
}

function handlesOf(name: string, gradients: InputGradients, inputs: number): (TensorHandle | null)[] {
  const list = gradients instanceof Tensor || gradients === null ? [gradients] : gradients;
  const count = (list as readonly unknown[] | undefined)?.length;
  if (count === inputs) return list.map((gradient) => gradient?.handle ?? null);
  throw invalidArgument(
    "backward",
    `of ${name} must return a gradient, or null, for each of forward's ${inputs} inputs, got ${count ?? "none"}`,
  );
}
