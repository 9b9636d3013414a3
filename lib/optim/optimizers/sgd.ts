import type { Given } from "../../definition.js";
import { flag, rate } from "../../schema.js";
import { defineOptimizer, learningRate } from "./definition.js";

export const sgd = defineOptimizer({
  name: "sgd",
  summary: "Stochastic gradient descent with momentum (torch.optim.SGD with dampening 0)",
  algorithm: "sgd",
  options: {
    ...learningRate,
    /** What is kept of the last steps' direction. */
    momentum: rate.default(0),
    /** L2 penalty, added to the gradient. */
    weightDecay: rate.default(0),
    /** Nesterov momentum; needs momentum above 0. */
    nesterov: flag.default(false),
  },
  check: ({ momentum, nesterov }) =>
    nesterov && momentum === 0 ? ["nesterov", "needs momentum above 0"] : undefined,
});

/** Options of {@link SGD}. */
export interface SgdOptions extends Given<typeof sgd.options> {}
