import { z } from "zod";
import { invalidArgument } from "../errors.js";
import { abortable, type AbortOptions } from "../native/abortable.js";
import { native, type OptimizerGroup, type OptimizerHandle } from "../native/binding.js";
import { Owner } from "../native/owner.js";
import { heldTensors } from "../tensor/held-tensors.js";
import { parseOptions } from "../schema.js";
import { Tensor } from "../tensor/tensor.js";

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

/** What an optimizer's options are. */
export interface OptionRules<Options> {
  schema: z.ZodType<Options>;
  /** Gives them their defaults. */
  resolve: (options: Options) => object & { learningRate: number };
  /** Finds options that do not fit together. */
  check?: (options: Options) => OptionProblem | undefined;
}

/** What every optimizer does alike: groups, learning rates, steps and state. */
export abstract class Optimizer<Options extends { learningRate: number }> {
  /** The learning rate of each group, used by the next step. */
  readonly learningRates: number[];
  readonly #owner: Owner<OptimizerHandle>;
  #state: readonly OptimizerStateEntry[] | undefined;

  /** @param kind native/train's name of the algorithm */
  protected constructor(
    kind: "sgd" | "adam" | "rmsprop",
    groups: readonly ParameterGroup<Options>[],
    options: Options,
    rules: OptionRules<Options>,
  ) {
    if (!Array.isArray(groups) || groups.length === 0) {
      throw invalidArgument("groups", "must be a list of { parameters: [...] }, with at least one");
    }
    const resolved = groups.map((group: ParameterGroup<Options>, index) => {
      const argument = `groups[${index}]`;
      const { parameters, ...own } = parseOptions(anyOptions, group, argument) as ParameterGroup<Options>;
      const merged = parseOptions(rules.schema, { ...parseOptions(anyOptions, options), ...own }, argument);
      const problem = rules.check?.(merged);
      if (problem) throw invalidArgument(`${argument}.${problem[0]}`, problem[1]);
      const handles = checkParameters(`${argument}.parameters`, parameters);
      return { ...rules.resolve(merged), parameters: handles } satisfies OptimizerGroup;
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

// Which keys there are the merged options tell.
const anyOptions = z.looseObject({});

function checkParameters(argument: string, parameters: unknown) {
  // Callers in JavaScript may hand over the tensors themselves.
  if (!Array.isArray(parameters)) throw invalidArgument(argument, "must be tensors: [{ parameters: [...] }]");
  if (parameters.length === 0) throw invalidArgument(argument, "must not be empty");
  return parameters.map((parameter: unknown, index) => {
    if (parameter instanceof Tensor) return parameter.handle;
    throw invalidArgument(`${argument}[${index}]`, "must be a Tensor");
  });
}
