import { decay, flag, optionsOf, rate, type Shape } from "../schema.js";
import { Optimizer, type ParameterGroup } from "./optimizer.js";

/** Options of {@link RMSprop}. */
export interface RmspropOptions {
  /** What a step is multiplied by. */
  learningRate: number;
  /** Decay of the average of the squared gradient. Default 0.99. */
  alpha?: number;
  /** Added to the divisor. Default 1e-8. */
  eps?: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay?: number;
  /** Default 0. */
  momentum?: number;
  /** Divides by the gradient's standard deviation rather than its root mean square. Default false. */
  centered?: boolean;
}

export const rmspropShape = {
  learningRate: rate,
  alpha: decay.optional(),
  eps: rate.optional(),
  weightDecay: rate.optional(),
  momentum: rate.optional(),
  centered: flag.optional(),
} satisfies Shape<RmspropOptions>;

/** RMSprop (torch.optim.RMSprop), in LibTorch's foreach operators. */
export class RMSprop extends Optimizer<RmspropOptions> {
  /** @throws McLossError ERR_ARGUMENT naming the group and the option */
  constructor(groups: readonly ParameterGroup<RmspropOptions>[], options: RmspropOptions) {
    super("rmsprop", groups, options, { schema: optionsOf<RmspropOptions>(rmspropShape), resolve });
  }
}

function resolve(options: RmspropOptions): Required<RmspropOptions> {
  return { alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false, ...options };
}
