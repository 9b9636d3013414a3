import { invalidArgument } from "../errors.js";
import { abortable, type AbortOptions } from "../native/abortable.js";
import { native, type OptimizerGroup, type OptimizerHandle } from "../native/binding.js";
import { Owner } from "../native/owner.js";
import { heldTensors } from "../tensor/held-tensors.js";
import type { Tensor } from "../tensor/tensor.js";

/** Parameters that are updated alike; options left out are the optimizer's. */
export type ParameterGroup<Options> = Partial<Options> & { parameters: readonly Tensor[] };

/** One tensor that an optimizer keeps for one parameter, such as Adam's `exp_avg` (PyTorch's name for it). */
export interface OptimizerStateEntry {
  /** The group's number, and the parameter's in its group. */
  group: number;
  parameter: number;
  name: string;
  /** Shares the optimizer's memory. */
  tensor: Tensor;
}

/** An option's name, and what is wrong with it. */
export type OptionProblem = readonly [option: string, problem: string];

/** What every optimizer does alike: groups, learning rates, steps and state. */
export abstract class Optimizer<Options extends { learningRate: number }> {
  /** The learning rate of each group, used by the next step. */
  readonly learningRates: number[];
  readonly #owner: Owner<OptimizerHandle>;
  #state: readonly OptimizerStateEntry[] | undefined;

  /**
   * @param kind native/train's name of the algorithm
   * @param resolve gives options their defaults
   * @param check finds an option that is out of range
   */
  protected constructor(
    kind: "sgd" | "adam" | "rmsprop",
    groups: readonly ParameterGroup<Options>[],
    options: Options,
    resolve: (options: Options) => object & { learningRate: number },
    check: (options: Options) => OptionProblem | undefined,
  ) {
    const resolved = groups.map(({ parameters, ...own }, index) => {
      const merged = { ...options, ...own } as Options;
      const problem = notARate("learningRate", merged.learningRate) ?? check(merged);
      if (problem) throw invalidArgument(`groups[${index}].${problem[0]}`, problem[1]);
      const handles = checkParameters(`groups[${index}].parameters`, parameters);
      return { ...resolve(merged), parameters: handles } satisfies OptimizerGroup;
    });
    this.learningRates = resolved.map((group) => group.learningRate);
    this.#owner = new Owner("optimizer", native().createOptimizer({ kind, groups: resolved }));
  }

  /** @internal */
  get handle(): OptimizerHandle {
    return this.#owner.handle;
  }

  /**
   * Updates every parameter that has a gradient.
   * @param options.foundInf a float32 scalar of {@link GradScaler.unscale}: where it is 1 nothing is updated
   */
  step(options: { foundInf?: Tensor } & AbortOptions = {}): Promise<void> {
    const { foundInf, signal } = options;
    return abortable(signal, "step()", (binding) =>
      binding.optimizerStep(this.handle, this.learningRates, foundInf?.handle ?? null),
    );
  }

  /** Removes every parameter's gradient (torch.optim.Optimizer.zero_grad with set_to_none). */
  zeroGrad({ signal }: AbortOptions = {}): Promise<void> {
    return abortable(signal, "zeroGrad()", (binding) => binding.zeroGrad(this.handle));
  }

  /** The state of each parameter, as zeros before the first step; the tensors share the optimizer's memory. */
  state(): readonly OptimizerStateEntry[] {
    const { handle } = this;
    return (this.#state ??= heldTensors(native().optimizerState(handle)));
  }

  /** Frees the optimizer's state. May be called again. */
  dispose(): void {
    this.#state?.forEach(({ tensor }) => tensor.dispose());
    this.#owner.dispose();
  }

  /** Calls dispose(): for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** A problem unless `value` is a finite number of at least 0. */
export function notARate(option: string, value: number): OptionProblem | undefined {
  if (value >= 0 && Number.isFinite(value)) return undefined;
  return [option, `must be a number of at least 0, got ${value}`];
}

/** A problem unless `value` is from 0 to less than 1. */
export function notADecay(option: string, value: number): OptionProblem | undefined {
  if (value >= 0 && value < 1) return undefined;
  return [option, `must be from 0 to less than 1, got ${value}`];
}

function checkParameters(argument: string, parameters: readonly Tensor[]) {
  // Callers in JavaScript may hand over the tensors themselves.
  if ((parameters as unknown) === undefined)
    throw invalidArgument(argument, "must be tensors: [{ parameters: [...] }]");
  if (parameters.length === 0) throw invalidArgument(argument, "must not be empty");
  return parameters.map((parameter) => parameter.handle);
}
