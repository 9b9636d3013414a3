import { rate } from "../../schema.js";
import { defineSchedule, warmUp } from "./definition.js";

export const exponential = defineSchedule({
  name: "exponential",
  summary: "Multiplied in every epoch (ExponentialLR)",
  options: {
    /** What the rate is multiplied by. */
    gamma: rate,
    ...warmUp,
  },
  factor: ({ gamma }, { epoch }) => gamma ** Math.floor(epoch),
});
