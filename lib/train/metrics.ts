import type { BatchMetrics } from "../native/binding.js";

/** Means over samples; accuracies from 0 to 1. */
export interface Metrics {
  /** Cross-entropy, plus α·L_dis + β·L_div where MC-Loss is on. */
  loss: number;
  crossEntropy: number;
  discriminality: number;
  diversity: number;
  accuracy: number;
}

/** Sums batch metrics into means over samples. */
export class MetricsSum {
  size = 0;
  groupsCorrect = 0;
  readonly #sums: Metrics = { loss: 0, crossEntropy: 0, discriminality: 0, diversity: 0, accuracy: 0 };

  add(batch: BatchMetrics): void {
    this.size += batch.size;
    this.groupsCorrect += batch.groupsCorrect;
    this.#sums.accuracy += batch.correct;
    for (const term of ["loss", "crossEntropy", "discriminality", "diversity"] as const) {
      this.#sums[term] += batch[term] * batch.size;
    }
  }

  mean(): Metrics {
    const { loss, crossEntropy, discriminality, diversity, accuracy } = this.#sums;
    const over = (sum: number) => (this.size > 0 ? sum / this.size : 0);
    return {
      loss: over(loss),
      crossEntropy: over(crossEntropy),
      discriminality: over(discriminality),
      diversity: over(diversity),
      accuracy: over(accuracy),
    };
  }
}
