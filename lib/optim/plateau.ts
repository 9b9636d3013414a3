/** Lowers the rate when a metric stops improving (torch.optim.lr_scheduler.ReduceLROnPlateau). */
export interface Plateau {
  /** Whether the metric should grow, as accuracy, or fall, as a loss. Default "max", or in a {@link Trainer} as its monitor. */
  mode?: "max" | "min";
  /** What the rate is multiplied by. Default 0.1. */
  factor?: number;
  /** Epochs without improvement that are still waited for. Default 10. */
  patience?: number;
  /** The least relative improvement that counts. Default 1e-4. */
  threshold?: number;
  /** Epochs after a reduction in which nothing is counted. Default 0. */
  cooldown?: number;
  /** Default 0. */
  minFactor?: number;
}

/**
 * The factor after epochs that were judged by `metrics`: from the whole history, so that a resumed run needs no state
 * but what it has recorded.
 */
export function plateauFactor(options: Plateau, metrics: readonly number[]): number {
  const { factor = 0.1, patience = 10, cooldown = 0, minFactor = 0 } = options;
  let [result, best, waited, cooling] = [1, NaN, 0, 0];
  for (const metric of metrics) {
    const better = isBetter(options, metric, best);
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
}

function isBetter({ mode = "max", threshold = 1e-4 }: Plateau, metric: number, best: number): boolean {
  if (Number.isNaN(best)) return true;
  return mode === "max" ? metric > best * (1 + threshold) : metric < best * (1 - threshold);
}
