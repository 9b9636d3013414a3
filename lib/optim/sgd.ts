import { flag, optionsOf, rate, type Shape } from "../schema.js";
import { Optimizer, type OptionProblem, type ParameterGroup } from "./optimizer.js";

/** Options of {@link SGD}. */
export interface SgdOptions {
  /** What a step is multiplied by. */
  learningRate: number;
  /** Default 0. */
  momentum?: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay?: number;
  /** Nesterov momentum; needs momentum above 0. Default false. */
  nesterov?: boolean;
}

export const sgdShape = {
  learningRate: rate,
  momentum: rate.optional(),
  weightDecay: rate.optional(),
  nesterov: flag.optional(),
} satisfies Shape<SgdOptions>;

/** Stochastic gradient descent with momentum (torch.optim.SGD with dampening 0), stepped by fused native kernels. */
export class SGD extends Optimizer<SgdOptions> {
  /** @throws McLossError ERR_ARGUMENT naming the group and the option */
  constructor(groups: readonly ParameterGroup<SgdOptions>[], options: SgdOptions) {
    super("sgd", groups, options, { schema: optionsOf<SgdOptions>(sgdShape), resolve, check });
  }
}

function resolve(options: SgdOptions): Required<SgdOptions> {
  return { momentum: 0, weightDecay: 0, nesterov: false, ...options };
}

function check({ momentum = 0, nesterov = false }: SgdOptions): OptionProblem | undefined {
  return nesterov && momentum === 0 ? ["nesterov", "needs momentum above 0"] : undefined;
}
