import type { StepEvent } from "../train/events.js";
import type { Metrics } from "../train/metrics.js";
import { memory } from "../tensor/memory.js";
import { decimals } from "./format.js";

/** How much of the throughput shown is from before the last step. */
const INERTIA = 0.9;
const GIBIBYTE = 2 ** 30;

/** What a progress bar says of the training's steps. */
export class TrainingStatus {
  #last = performance.now();
  #imagesPerSecond = 0;

  /** The step's loss with its terms, images/s (smoothed) and, where there are GPUs, their memory in use. */
  describe(event: StepEvent): string {
    const now = performance.now();
    const current = (1000 * event.images) / (now - this.#last);
    this.#last = now;
    const inertia = this.#imagesPerSecond === 0 ? 0 : INERTIA;
    this.#imagesPerSecond = inertia * this.#imagesPerSecond + (1 - inertia) * current;
    const rate = `${Math.round(this.#imagesPerSecond)} images/s`;
    return [`loss ${decimals(event.loss)} (${describeTerms(event)})`, rate, ...gpuMemory()].join(" · ");
  }
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
