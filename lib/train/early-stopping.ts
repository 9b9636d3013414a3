import { z } from "zod";
import { count, rate } from "../schema.js";
import { isBetter, type Figure } from "./monitor.js";

/** {@link EarlyStopping} */
export const earlyStopping = z.strictObject({
  /** Judged epochs in a row without a gain, after which the run ends. */
  patience: count,
  /** The least gain that counts, in what the monitored figure is in: 0.001 is a tenth of a percent of accuracy. */
  minDelta: rate.default(0),
});

/** When a run ends that no longer becomes better. */
export interface EarlyStopping {
  /** Judged epochs in a row without a gain, after which the run ends. */
  patience: number;
  /** The least gain that counts, in what the monitored figure is in: 0.001 is a tenth of a percent of accuracy. Default 0. */
  minDelta?: number;
}

/**
 * Epochs since the last gain, as Keras and Lightning count them. From the whole history, so that a run that goes on needs no
 * state but what it has recorded.
 * @param judged the monitored figure of each epoch that has one
 */
export function epochsWithoutGain(
  figure: Figure,
  judged: readonly number[],
  { minDelta = 0 }: EarlyStopping,
): number {
  let best: number | undefined;
  let waited = 0;
  for (const value of judged) {
    const gained =
      isBetter(figure, value, best) && !(best !== undefined && Math.abs(value - best) <= minDelta);
    if (gained) best = value;
    waited = gained ? 0 : waited + 1;
  }
  return waited;
}

/** Whether the run ends. */
export function isPatienceOver(
  figure: Figure,
  judged: readonly number[],
  options: EarlyStopping | undefined,
): boolean {
  return options !== undefined && epochsWithoutGain(figure, judged, options) >= options.patience;
}
