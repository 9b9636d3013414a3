import { z } from "zod";
import { invalidArgument } from "../errors.js";
import { abortable, type AbortOptions } from "../native/abortable.js";
import { native, type OptimizerGroup, type OptimizerHandle } from "../native/binding.js";
import { Owner } from "../native/owner.js";
import { heldTensors } from "../tensor/held-tensors.js";
import { must, parseOptions } from "../schema.js";
import { Tensor } from "../tensor/tensor.js";
import type { OptimizerDefinition } from "./optimizers/definition.js";
import { optimizers, type OptimizerOptions } from "./optimizers.js";

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

/** What all optimizers are: parameters in groups, learning rates, steps and state. */
export class Optimizer {
  /** The learning rate of each group, used by the next step. */
  readonly learningRates: number[];
  readonly #owner: Owner<OptimizerHandle>;
  #state: readonly OptimizerStateEntry[] | undefined;

  /**
   * `new Optimizer([{ parameters }], { type: "adamw", learningRate: 1e-3 })`.
   * @throws McLossError ERR_ARGUMENT naming the group and the option
   */
  constructor(groups: readonly ParameterGroup<OptimizerOptions>[], options: OptimizerOptions) {
    if (!Array.isArray(groups) || groups.length === 0) {
      throw invalidArgument("groups", "must be a list of { parameters: [...] }, with at least one");
    }
    const { type = "sgd", ...shared } = parseOptions(anyOptions, options);
    const definition: OptimizerDefinition = optimizers.get(type);
    const resolved = groups.map((group: unknown, index) =>
      resolveGroup(definition, group, shared, `groups[${index}]`),
    );
    this.learningRates = resolved.map((group) => group.learningRate);
    const { algorithm: kind } = definition;
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

// Which keys there are the definition tells.
const anyOptions = z.looseObject({ type: z.string(must("a text")).optional() });
const anyGroup = z.looseObject({ parameters: z.unknown().optional() });

/** A group with the optimizer's options where it has none of its own. */
function resolveGroup(
  definition: OptimizerDefinition,
  group: unknown,
  shared: object,
  argument: string,
): OptimizerGroup {
  const { parameters, ...own } = parseOptions(anyGroup, group, argument);
  const options = parseOptions(z.strictObject(definition.options), { ...shared, ...own }, argument);
  const problem = definition.check?.(options);
  if (problem) throw invalidArgument(`${argument}.${problem[0]}`, problem[1]);
  const handles = checkParameters(`${argument}.parameters`, parameters);
  return { ...options, ...definition.variant, parameters: handles };
}

function checkParameters(argument: string, parameters: unknown) {
  // Callers in JavaScript may hand over the tensors themselves.
  if (!Array.isArray(parameters)) throw invalidArgument(argument, "must be tensors: [{ parameters: [...] }]");
  if (parameters.length === 0) throw invalidArgument(argument, "must not be empty");
  return parameters.map((parameter: unknown, index) => {
    if (parameter instanceof Tensor) return parameter.handle;
    throw invalidArgument(`${argument}[${index}]`, "must be a Tensor");
  });
}
