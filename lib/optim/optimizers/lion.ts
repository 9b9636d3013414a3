import { z } from "zod";
import { decay, rate } from "../../schema.js";
import { defineOptimizer, learningRate } from "./definition.js";

export const lion = defineOptimizer({
  name: "lion",
  summary:
    "Lion (Chen et al. 2023): the sign of an average; a learning rate 3 to 10 times smaller than Adam's",
  algorithm: "lion",
  options: {
    ...learningRate,
    /** How much of the average is in a step, and the decay of the average. */
    betas: z.tuple([decay, decay]).readonly().default([0.9, 0.99]),
    /** Taken off the parameter, times the learning rate. */
    weightDecay: rate.default(0),
  },
});
