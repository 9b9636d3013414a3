import type { Batch } from "../loader/batch.js";
import type { DataLoader } from "../loader/data-loader.js";

/** How long a stopped run waits for each batch that it needs for an update, in ms. */
const PATIENCE_MS = 5000;

/** An epoch's batches, one at a time; waiting for one can be given up. */
export class BatchReader {
  readonly #batches: AsyncGenerator<Batch, void, void>;
  readonly #reading = new AbortController();
  readonly #stop: AbortSignal;

  /**
   * @param seed of a loader that has none
   * @param stop once it is aborted, no batch is waited for that is not needed
   */
  constructor(loader: DataLoader, seed: number, stop: AbortSignal) {
    this.#batches = loader.batches({ signal: this.#reading.signal, seed });
    this.#stop = stop;
  }

  /**
   * The next batch, or undefined after the last.
   * @param needed whether the update under way needs it, so that a stopped run waits for it, though not for ever
   * @throws McLossError ERR_ABORTED where it was given up; what the loader throws
   */
  async next(needed: boolean): Promise<Batch | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const giveUp = () => this.#reading.abort(this.#stop.reason);
    const stopped = () => {
      if (needed) timer = setTimeout(giveUp, PATIENCE_MS);
      else giveUp();
    };
    this.#stop.addEventListener("abort", stopped, { once: true });
    if (this.#stop.aborted) stopped();
    try {
      const { done, value } = await this.#batches.next();
      return done ? undefined : value;
    } finally {
      this.#stop.removeEventListener("abort", stopped);
      clearTimeout(timer);
    }
  }

  /** Ends the reading. */
  async close(): Promise<void> {
    this.#reading.abort();
    await this.#batches.return();
  }
}
