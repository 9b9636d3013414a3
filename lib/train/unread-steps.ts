import { native, type BatchMetrics, type TensorHandle } from "../native/binding.js";
import type { Metrics } from "./metrics.js";
import type { StepEvent } from "./events.js";

/** A step that has been made, and of which all is known but its metrics. */
export interface MadeStep {
  event: Omit<StepEvent, keyof Metrics>;
  /** The batch's files. */
  paths: readonly string[];
  /** Whether it is the last batch of an update. */
  endsUpdate: boolean;
}

/** A step with its metrics. */
export interface ReadStep extends MadeStep {
  metrics: BatchMetrics;
  /** In which processes its loss was not finite, where there are several. */
  nonFiniteRanks?: readonly number[];
}

/** Steps whose metrics are still on the device, where reading each by itself would stop the work ahead of it. */
export class UnreadSteps {
  readonly #steps: (MadeStep & { handle: TensorHandle })[] = [];

  get count(): number {
    return this.#steps.length;
  }

  /** @param handle what `trainStep` gave */
  add(step: MadeStep, handle: TensorHandle): void {
    this.#steps.push({ ...step, handle });
  }

  /** The steps in order with their metrics, in one transfer; none of them is unread any more. */
  async read(): Promise<ReadStep[]> {
    if (this.#steps.length === 0) return [];
    const all = await native().readMetrics(this.#steps.map(({ handle }) => handle));
    const steps = this.#steps.map(({ handle, ...step }, index) => {
      return { ...step, metrics: all[index] as BatchMetrics };
    });
    this[Symbol.dispose]();
    return steps;
  }

  /** Frees what was not read. */
  [Symbol.dispose](): void {
    for (const { handle } of this.#steps.splice(0)) native().dispose(handle);
  }
}
