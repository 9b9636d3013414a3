/** One place in an epoch's order. */
export interface QueuedSample {
  /** In the order, from 0; beyond its end where it is gone through again. */
  position: number;
  /** The sample's number. */
  index: number;
  /** How often the sample came before in this epoch. */
  occurrence: number;
}

export interface SampleQueueOptions {
  batchSize: number;
  /** The position to begin with. */
  start: number;
  dropLast: boolean;
  /** Whether the order is gone through again until as many samples were read as it has. */
  refill: boolean;
  isBad: (index: number) => boolean;
}

/** Deals out an epoch's order in portions that become batches, as far as is known by then which samples cannot be read. */
export class SampleQueue {
  readonly #order: readonly number[];
  readonly #options: SampleQueueOptions;
  readonly #occurrences = new Map<number, number>();
  #position = 0;
  /** Samples that were dealt out and not reported as failed. */
  #good = 0;

  constructor(order: readonly number[], options: SampleQueueOptions) {
    this.#order = order;
    this.#options = options;
    while (this.#position < options.start) this.#good += options.isBad(this.#advance().index) ? 0 : 1;
  }

  /** Undefined where nothing is left, as long as no other sample turns out to be unreadable. */
  next(): QueuedSample[] | undefined {
    const { batchSize, dropLast } = this.#options;
    const wanted = batchSize - (this.#good % batchSize);
    if (dropLast && this.#countLeft(wanted) < wanted) return undefined;
    const samples: QueuedSample[] = [];
    while (samples.length < wanted && this.#hasMore()) {
      const sample = this.#advance();
      if (this.#options.isBad(sample.index)) continue;
      samples.push(sample);
      this.#good += 1;
    }
    return samples.length > 0 ? samples : undefined;
  }

  /** A sample that was dealt out could not be read. */
  reportUnreadable(): void {
    this.#good -= 1;
  }

  #advance(): QueuedSample {
    const position = this.#position;
    const index = this.#order[position % this.#order.length] ?? 0;
    const occurrence = this.#occurrences.get(index) ?? 0;
    this.#occurrences.set(index, occurrence + 1);
    this.#position += 1;
    return { position, index, occurrence };
  }

  #hasMore(): boolean {
    if (this.#position < this.#order.length) return true;
    const { refill, isBad } = this.#options;
    return refill && this.#good < this.#order.length && !this.#order.every((index) => isBad(index));
  }

  /** Up to `enough`. */
  #countLeft(enough: number): number {
    const { refill, isBad } = this.#options;
    if (refill) return this.#order.length - this.#good;
    let left = 0;
    for (let at = this.#position; at < this.#order.length && left < enough; at += 1) {
      if (!isBad(this.#order[at] ?? 0)) left += 1;
    }
    return left;
  }
}
