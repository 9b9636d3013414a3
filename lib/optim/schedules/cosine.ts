import { flag, rate } from "../../schema.js";
import { afterWarmUp, defineSchedule, warmUp } from "./definition.js";
import { halfCosine } from "./interpolate.js";

export const cosine = defineSchedule({
  name: "cosine",
  summary: "Half a cosine from the full rate down, after the warm-up (CosineAnnealingLR)",
  options: {
    /** What it ends with, as a share of the full rate. */
    minFactor: rate.default(0),
    /** Holds each epoch's rate rather than lowering it in each step. */
    perEpoch: flag.default(false),
    ...warmUp,
  },
  factor: (options, position) => {
    const epoch = options.perEpoch ? Math.floor(position.epoch) : position.epoch;
    const { done, whole } = afterWarmUp(options, { ...position, epoch });
    return halfCosine(Math.min(1, done / whole), 1, options.minFactor);
  },
});
