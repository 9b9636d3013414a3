import { z } from "zod";
import type { Filled } from "../../definition.js";
import { index, rate } from "../../schema.js";
import { defineSchedule, warmUp } from "./definition.js";

const options = {
  /** Whether the figure should grow, as accuracy, or fall, as a loss. Default "max", or in a Trainer as its monitor. */
  mode: z.enum(["max", "min"]).optional(),
  /** What the rate is multiplied by. */
  factor: rate.default(0.1),
  /** Epochs without improvement that are still waited for. */
  patience: index.default(10),
  /** The least relative improvement that counts. */
  threshold: rate.default(1e-4),
  /** Epochs after a reduction in which nothing is counted. */
  cooldown: index.default(0),
  /** What the rate does not fall below, as a share of the full rate. */
  minFactor: rate.default(0),
  ...warmUp,
};

export const plateau = defineSchedule({
  name: "plateau",
  summary: "Lowered when the figure that epochs are judged by stops improving (ReduceLROnPlateau)",
  options,
  // From the whole history, so that a resumed run needs no state but what it has recorded.
  factor: (given, { metrics }) => {
    const { factor, patience, cooldown, minFactor } = given;
    let [result, best, waited, cooling] = [1, NaN, 0, 0];
    for (const metric of metrics) {
      const better = isBetter(given, metric, best);
      if (better) best = metric;
      waited = better ? 0 : waited + 1;
      if (cooling > 0) {
        cooling -= 1;
        waited = 0;
      }
      if (waited <= patience) continue;
      result = Math.max(result * factor, minFactor);
      cooling = cooldown;
      waited = 0;
    }
    return result;
  },
});

function isBetter(
  { mode = "max", threshold }: Filled<typeof options>,
  metric: number,
  best: number,
): boolean {
  if (Number.isNaN(best)) return true;
  return mode === "max" ? metric > best * (1 + threshold) : metric < best * (1 - threshold);
}
