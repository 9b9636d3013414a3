import { rate } from "../../schema.js";
import { afterWarmUp, defineSchedule, warmUp } from "./definition.js";

export const polynomial = defineSchedule({
  name: "polynomial",
  summary: "A power of what is left of the run, after the warm-up (PolynomialLR)",
  options: {
    /** The power; 1 is a straight line to 0. */
    power: rate.default(1),
    ...warmUp,
  },
  factor: (options, position) => {
    const { done, whole } = afterWarmUp(options, position);
    return (1 - Math.min(1, done / whole)) ** options.power;
  },
});
