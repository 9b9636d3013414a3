import { z } from "zod";
import { rate } from "../../schema.js";
import { defineSchedule, warmUp } from "./definition.js";

export const step = defineSchedule({
  name: "step",
  summary: "Multiplied every few epochs (StepLR)",
  options: {
    /** Epochs between two steps. */
    size: z.number().gt(0),
    /** What the rate is multiplied by. */
    gamma: rate.default(0.1),
    ...warmUp,
  },
  factor: ({ size, gamma }, { epoch }) => gamma ** Math.floor(epoch / size),
});
