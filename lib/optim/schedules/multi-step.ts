import { z } from "zod";
import { rate } from "../../schema.js";
import { defineSchedule, warmUp } from "./definition.js";

export const multiStep = defineSchedule({
  name: "multiStep",
  summary: "Multiplied at given epochs (MultiStepLR)",
  options: {
    /** The epochs, which must increase. */
    milestones: z.array(rate).readonly(),
    /** What the rate is multiplied by at each. */
    gamma: rate.default(0.1),
    ...warmUp,
  },
  factor: ({ milestones, gamma }, { epoch }) =>
    gamma ** milestones.filter((milestone) => epoch >= milestone).length,
  check: ({ milestones }) => {
    const increasing = milestones.every((milestone, i) => milestone > (milestones[i - 1] ?? 0));
    return increasing
      ? undefined
      : ["milestones", `must be positive and increasing, got ${milestones.join()}`];
  },
});
