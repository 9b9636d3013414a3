import { z } from "zod";
import { rate } from "../../schema.js";
import { afterWarmUp, defineSchedule, warmUp } from "./definition.js";
import { halfCosine } from "./interpolate.js";

export const cosineRestarts = defineSchedule({
  name: "cosineRestarts",
  summary: "Half cosines one after another (CosineAnnealingWarmRestarts; SGDR, Loshchilov & Hutter 2017)",
  options: {
    /** Epochs of the first. */
    period: z.number().gt(0),
    /** How many times as long each is as the one before. */
    multiplier: z.number().min(1).default(1),
    /** What each ends with, as a share of the full rate. */
    minFactor: rate.default(0),
    ...warmUp,
  },
  factor: (options, position) => {
    const { period, multiplier, minFactor } = options;
    const { done } = afterWarmUp(options, position);
    let [start, length] = [0, period];
    while (done >= start + length) {
      start += length;
      length *= multiplier;
    }
    return halfCosine((done - start) / length, 1, minFactor);
  },
});
