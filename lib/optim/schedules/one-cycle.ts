import { z } from "zod";
import { rate, share } from "../../schema.js";
import { defineSchedule } from "./definition.js";
import { halfCosine, straight } from "./interpolate.js";

export const oneCycle = defineSchedule({
  name: "oneCycle",
  summary: "Up to the full rate and down, step by step (OneCycleLR; Smith & Topin 2019)",
  options: {
    /** Share of the steps that go up. */
    upShare: share.default(0.3),
    /** What it begins with, as a share of the full rate. */
    startFactor: rate.default(1 / 25),
    /** What it ends with, as a share of the full rate. */
    endFactor: rate.default(1 / 250_000),
    /** The way between them. */
    anneal: z.enum(["cosine", "linear"]).default("cosine"),
  },
  factor: ({ upShare, startFactor, endFactor, anneal }, { epoch, epochs, stepsPerEpoch }) => {
    const [step, steps] = [epoch * stepsPerEpoch, epochs * stepsPerEpoch];
    // PyTorch counts from the first step to the last, and the top is one of them.
    const top = upShare * steps - 1;
    const last = steps - 1;
    const between = anneal === "cosine" ? halfCosine : straight;
    // Where at most one step goes up, it is the top.
    if (step <= top) return top > 0 ? between(step / top, startFactor, 1) : 1;
    if (last <= top) return 1;
    return between(Math.min(1, (step - top) / (last - top)), 1, endFactor);
  },
});
