import { invalidArgument } from "../errors.js";
import { native, type SgdHandle } from "../native/binding.js";
import type { Tensor } from "../tensor/tensor.js";

export interface SgdOptions {
  learningRate: number;
  /** Default 0. */
  momentum?: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay?: number;
  /** Nesterov momentum; needs momentum above 0. Default false. */
  nesterov?: boolean;
}

/** Parameters that are updated alike; options left out are the optimizer's. */
export interface ParameterGroup extends Partial<SgdOptions> {
  parameters: readonly Tensor[];
}

/** Stochastic gradient descent with momentum (torch.optim.SGD with dampening 0), stepped by fused native kernels. */
export class SGD {
  /** The learning rate of each group, used by the next step. */
  readonly learningRates: number[];
  readonly #handle: SgdHandle;

  constructor(groups: readonly ParameterGroup[], options: SgdOptions) {
    const resolved = groups.map(({ parameters, ...own }, index) => ({
      parameters: checkParameters(`groups[${index}].parameters`, parameters),
      ...resolve(index, { ...options, ...own }),
    }));
    this.learningRates = resolved.map((group) => group.learningRate);
    this.#handle = native().createSgd(resolved);
  }

  /** @internal */
  get handle(): SgdHandle {
    return this.#handle;
  }

  /** Updates every parameter that has a gradient. */
  step(): Promise<void> {
    return native().sgdStep(this.#handle, this.learningRates);
  }

  zeroGrad(): Promise<void> {
    return native().zeroGrad(this.#handle);
  }

  dispose(): void {
    native().dispose(this.#handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function checkParameters(argument: string, parameters: readonly Tensor[]) {
  // Callers in JavaScript may hand over the tensors themselves.
  if ((parameters as unknown) === undefined)
    throw invalidArgument(argument, "must be tensors: [{ parameters: [...] }]");
  if (parameters.length === 0) throw invalidArgument(argument, "must not be empty");
  return parameters.map((parameter) => parameter.handle);
}

function resolve(index: number, options: SgdOptions): Required<SgdOptions> {
  const { learningRate, momentum = 0, weightDecay = 0, nesterov = false } = options;
  for (const [name, value] of Object.entries({ learningRate, momentum, weightDecay })) {
    if (value >= 0 && Number.isFinite(value)) continue;
    throw invalidArgument(`groups[${index}].${name}`, `must be a number of at least 0, got ${value}`);
  }
  if (nesterov && momentum === 0)
    throw invalidArgument(`groups[${index}].nesterov`, "needs momentum above 0");
  return { learningRate, momentum, weightDecay, nesterov };
}
