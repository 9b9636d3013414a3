import type { BatchMetrics, ObjectiveOptions } from "../native/binding.js";
import { addedTerms } from "./losses.js";

/** Of each term that is added to a run's loss the mean before its weight. */
type AddedMetrics = { [Name in keyof typeof addedTerms]?: number };

/** Means over samples; accuracies from 0 to 1. */
export interface Metrics extends AddedMetrics {
  /** What is minimised: the classification term, plus α·L_dis + β·L_div where MC-Loss is on, plus the added terms. */
  loss: number;
  /** Of the classifier's logits, in nats, without label smoothing or focus. */
  crossEntropy: number;
  /** L_dis: the cross-entropy of the channel groups' scores, in nats. Absent where it was not measured. */
  discriminality?: number;
  /** L_div, from 0 (a class's channels look at different places) to below 1. Absent where it was not measured. */
  diversity?: number;
  /** The share of images whose largest logit is their class's. */
  accuracy: number;
}

/**
 * A batch's losses, and its accuracy.
 * @param channels whether the terms of MC-Loss were measured
 */
export function metricsOf(batch: BatchMetrics, size: number, channels: boolean): Metrics {
  const { loss, crossEntropy, discriminality, diversity, correct } = batch;
  return {
    loss,
    crossEntropy,
    ...(channels ? { discriminality, diversity } : {}),
    accuracy: correct / size,
    ...addedMetrics(batch),
  };
}

function addedMetrics(batch: BatchMetrics): AddedMetrics {
  const names = Object.keys(addedTerms) as (keyof AddedMetrics & keyof BatchMetrics)[];
  return Object.fromEntries(names.filter((name) => name in batch).map((name) => [name, batch[name]]));
}

/** Whether training measures the terms of MC-Loss: it is a part of what is minimised. */
export function trainsChannels({ blockClasses, alpha, beta }: ObjectiveOptions): boolean {
  return blockClasses.length > 0 && (alpha !== 0 || beta !== 0);
}

/** Sums batch metrics into means over samples. */
export class MetricsSum {
  size = 0;
  groupsCorrect = 0;
  readonly #channels: boolean;
  #sums: Metrics;

  /** @param channels whether the terms of MC-Loss are measured */
  constructor(channels: boolean) {
    this.#channels = channels;
    const none = { loss: 0, crossEntropy: 0, discriminality: 0, diversity: 0, correct: 0 };
    this.#sums = metricsOf({ ...none, groupsCorrect: 0 }, 1, channels);
  }

  /** @param size images in the batch */
  add(batch: BatchMetrics, size: number): void {
    this.size += size;
    this.groupsCorrect += batch.groupsCorrect;
    const { accuracy, ...means } = metricsOf(batch, size, this.#channels);
    this.#sums.accuracy += batch.correct;
    for (const [term, mean] of Object.entries(means) as [keyof typeof means, number][]) {
      this.#sums[term] = (this.#sums[term] ?? 0) + mean * size;
    }
  }

  /** The sums as plain data, for a checkpoint. */
  toJSON(): Record<string, number> {
    return { size: this.size, groupsCorrect: this.groupsCorrect, ...this.#sums };
  }

  /** @param sums what {@link toJSON} gave */
  static from(sums: Readonly<Record<string, number>>, channels: boolean): MetricsSum {
    const sum = new MetricsSum(channels);
    sum.replace(sums);
    return sum;
  }

  /** @param sums what {@link toJSON} gave */
  replace({ size = 0, groupsCorrect = 0, ...terms }: Readonly<Record<string, number>>): void {
    Object.assign(this, { size, groupsCorrect });
    this.#sums = { ...this.#sums, ...terms };
  }

  mean(): Metrics {
    const over = ([term, sum]: [string, number]) => [term, this.size > 0 ? sum / this.size : 0];
    return Object.fromEntries(Object.entries(this.#sums).map(over)) as Metrics & Record<string, number>;
  }
}
