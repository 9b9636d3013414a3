import type { EpochEvent, StepEvent } from "../train/events.js";
import type { Metrics } from "../train/metrics.js";
import { memory } from "../tensor/memory.js";
import { decimals, percent } from "./format.js";

/** How much of the throughput shown is from before the last step. */
const INERTIA = 0.9;
const GIBIBYTE = 2 ** 30;

/** What a progress bar says of the training's steps. */
export class TrainingStatus {
  #last = performance.now();
  #imagesPerSecond = 0;
  readonly #epochs: number;

  constructor(epochs: number) {
    this.#epochs = epochs;
  }

  /**
   * The accuracy after the last epoch, images/s (smoothed), the running epoch, the terms of the step's loss and, where there
   * are GPUs, their memory in use.
   */
  describe(event: StepEvent, last: EpochEvent | undefined): string[] {
    const now = performance.now();
    const current = (1000 * event.images) / (now - this.#last);
    this.#last = now;
    const inertia = this.#imagesPerSecond === 0 ? 0 : INERTIA;
    this.#imagesPerSecond = inertia * this.#imagesPerSecond + (1 - inertia) * current;
    const accuracies = last ? describeAccuracies(last) : [];
    return [
      ...accuracies.slice(0, 1),
      `${Math.round(this.#imagesPerSecond)} images/s`,
      `epoch ${event.epoch}/${this.#epochs}`,
      describeTerms(event),
      `loss ${decimals(event.loss)}`,
      ...accuracies.slice(1),
      ...gpuMemory(),
    ];
  }
}

/** Of the held-out images where there are any, then of the training's. */
export function describeAccuracies({ train, validation }: EpochEvent): string[] {
  const training = `training ${percent(train.accuracy)}`;
  return validation ? [`held-out ${percent(validation.accuracy)}`, training] : [training];
}

/** The loss's terms by their names in the paper, as far as they were measured. */
export function describeTerms({ crossEntropy, discriminality, diversity }: Metrics): string {
  const terms = [
    ["CE", crossEntropy],
    ["L_dis", discriminality],
    ["L_div", diversity],
  ] as const;
  const measured = terms.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name} ${decimals(value)}`],
  );
  return measured.join(" · ");
}

function gpuMemory(): string[] {
  const gpus = Object.entries(memory().allocators).filter(([device]) => device !== "cpu");
  return gpus.map(([device, { allocated }]) => `${device} ${(allocated / GIBIBYTE).toFixed(1)} GiB`);
}
