import { z } from "zod";
import { decay, flag, optionsOf, rate, type Shape } from "../schema.js";
import { Optimizer, type ParameterGroup } from "./optimizer.js";

/** Options of {@link Adam} and {@link AdamW}. */
export interface AdamOptions {
  /** What a step is multiplied by. */
  learningRate: number;
  /** Decay of the averages of the gradient and of its square. Default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the divisor. Default 1e-8. */
  eps?: number;
  /** Adam: L2 penalty, added to the gradient, default 0. AdamW: taken off the parameter, default 0.01. */
  weightDecay?: number;
  /** Divides by the largest average so far. Default false. */
  amsgrad?: boolean;
}

export const adamShape = {
  learningRate: rate,
  betas: z.tuple([decay, decay]).readonly().optional(),
  eps: rate.optional(),
  weightDecay: rate.optional(),
  amsgrad: flag.optional(),
} satisfies Shape<AdamOptions>;

const schema = optionsOf<AdamOptions>(adamShape);
const DEFAULTS = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false } as const;

/** Adam (Kingma & Ba 2015; torch.optim.Adam), stepped by fused native kernels. */
export class Adam extends Optimizer<AdamOptions> {
  /** @throws McLossError ERR_ARGUMENT naming the group and the option */
  constructor(groups: readonly ParameterGroup<AdamOptions>[], options: AdamOptions) {
    super("adam", groups, options, { schema, resolve: (own) => ({ ...DEFAULTS, ...own, decoupled: false }) });
  }
}

/** Adam with decoupled weight decay (Loshchilov & Hutter 2019; torch.optim.AdamW), stepped by fused native kernels. */
export class AdamW extends Optimizer<AdamOptions> {
  /** @throws McLossError ERR_ARGUMENT naming the group and the option */
  constructor(groups: readonly ParameterGroup<AdamOptions>[], options: AdamOptions) {
    const defaults = { ...DEFAULTS, weightDecay: 0.01 };
    super("adam", groups, options, { schema, resolve: (own) => ({ ...defaults, ...own, decoupled: true }) });
  }
}
