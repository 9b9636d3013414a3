import { notARate, Optimizer, type OptionProblem, type ParameterGroup } from "./optimizer.js";

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

/** Stochastic gradient descent with momentum (torch.optim.SGD with dampening 0), stepped by fused native kernels. */
export class SGD extends Optimizer<SgdOptions> {
  /** @throws McLossError ERR_ARGUMENT naming the group and the option */
  constructor(groups: readonly ParameterGroup<SgdOptions>[], options: SgdOptions) {
    super("sgd", groups, options, resolve, check);
  }
}

function resolve(options: SgdOptions): Required<SgdOptions> {
  return { momentum: 0, weightDecay: 0, nesterov: false, ...options };
}

function check({ momentum = 0, weightDecay = 0, nesterov = false }: SgdOptions): OptionProblem | undefined {
  if (nesterov && momentum === 0) return ["nesterov", "needs momentum above 0"];
  return notARate("momentum", momentum) ?? notARate("weightDecay", weightDecay);
}
