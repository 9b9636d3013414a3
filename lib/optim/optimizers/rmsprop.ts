import type { Given } from "../../definition.js";
import { decay, flag, rate } from "../../schema.js";
import { defineOptimizer, learningRate } from "./definition.js";

export const rmsprop = defineOptimizer({
  name: "rmsprop",
  summary: "RMSprop (torch.optim.RMSprop)",
  algorithm: "rmsprop",
  options: {
    ...learningRate,
    /** Decay of the average of the squared gradient. */
    alpha: decay.default(0.99),
    /** Added to the divisor. */
    eps: rate.default(1e-8),
    /** L2 penalty, added to the gradient. */
    weightDecay: rate.default(0),
    /** What is kept of the last steps' direction. */
    momentum: rate.default(0),
    /** Divides by the gradient's standard deviation rather than its root mean square. */
    centered: flag.default(false),
  },
});

/** Options of {@link RMSprop}. */
export interface RmspropOptions extends Given<typeof rmsprop.options> {}
