import { z } from "zod";
import type { Given } from "../../definition.js";
import { decay, flag, rate } from "../../schema.js";
import { defineOptimizer, learningRate } from "./definition.js";

const options = {
  ...learningRate,
  /** Decay of the averages of the gradient and of its square. */
  betas: z.tuple([decay, decay]).readonly().default([0.9, 0.999]),
  /** Added to the divisor. */
  eps: rate.default(1e-8),
  /** Divides by the largest average so far. */
  amsgrad: flag.default(false),
};

export const adam = defineOptimizer({
  name: "adam",
  summary: "Adam (Kingma & Ba 2015; torch.optim.Adam)",
  algorithm: "adam",
  variant: { decoupled: false },
  options: {
    ...options,
    /** L2 penalty, added to the gradient. */
    weightDecay: rate.default(0),
  },
});

export const adamw = defineOptimizer({
  name: "adamw",
  summary: "Adam with decoupled weight decay (Loshchilov & Hutter 2019; torch.optim.AdamW)",
  algorithm: "adam",
  variant: { decoupled: true },
  options: {
    ...options,
    /** Taken off the parameter, times the learning rate. */
    weightDecay: rate.default(0.01),
  },
});

/** Options of {@link Adam}, and of {@link AdamW}, whose weight decay is 0.01 unless told otherwise. */
export interface AdamOptions extends Given<typeof adam.options> {}
