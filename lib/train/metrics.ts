import type { BatchMetrics } from "../native/binding.js";

/** Means over samples; accuracies from 0 to 1. */
export interface Metrics {
  /** What is minimised: the classification term, plus α·L_dis + β·L_div where MC-Loss is on, plus λ·center. */
  loss: number;
  /** Of the classifier's logits, in nats, without label smoothing or focus. */
  crossEntropy: number;
  /** L_dis: the cross-entropy of the channel groups' scores, in nats. */
  discriminality: number;
  /** L_div, from 0 (a class's channels look at different places) to below 1. */
  diversity: number;
  /** The center loss before its weight, where the run has one. */
  center?: number;
  /** The share of images whose largest logit is their class's. */
  accuracy: number;
}

/** A batch's losses, and its accuracy. */
export function metricsOf(batch: BatchMetrics, size: number): Metrics {
  const { loss, crossEntropy, discriminality, diversity, center, correct } = batch;
  const accuracy = correct / size;
  const common = { loss, crossEntropy, discriminality, diversity, accuracy };
  return center === undefined ? common : { ...common, center };
}

/** Sums batch metrics into means over samples. */
export class MetricsSum {
  size = 0;
  groupsCorrect = 0;
  #sums: Metrics = { loss: 0, crossEntropy: 0, discriminality: 0, diversity: 0, accuracy: 0 };

  /** @param size images in the batch */
  add(batch: BatchMetrics, size: number): void {
    this.size += size;
    this.groupsCorrect += batch.groupsCorrect;
    this.#sums.accuracy += batch.correct;
    for (const term of ["loss", "crossEntropy", "discriminality", "diversity"] as const) {
      this.#sums[term] += batch[term] * size;
    }
    if (batch.center !== undefined) this.#sums.center = (this.#sums.center ?? 0) + batch.center * size;
  }

  /** The sums as plain data, for a checkpoint. */
  toJSON(): Record<string, number> {
    return { size: this.size, groupsCorrect: this.groupsCorrect, ...this.#sums };
  }

  static from({ size = 0, groupsCorrect = 0, ...sums }: Readonly<Record<string, number>>): MetricsSum {
    const sum = new MetricsSum();
    Object.assign(sum, { size, groupsCorrect });
    sum.#sums = { ...sum.#sums, ...sums };
    return sum;
  }

  mean(): Metrics {
    const over = ([term, sum]: [string, number]) => [term, this.size > 0 ? sum / this.size : 0];
    return Object.fromEntries(Object.entries(this.#sums).map(over)) as Metrics & Record<string, number>;
  }
}
