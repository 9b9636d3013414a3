import { checkInstance } from "../check-argument.js";
import type { EpochEvent, TrainingEvent } from "./events.js";
import type { JudgedEpoch } from "../run/best-checkpoint.js";
import type { Figure } from "./monitor.js";

/** What a run came to. */
export interface TrainingResult {
  /** Epochs that are done, of the whole run. */
  epochs: number;
  /** The last of them, if it was trained here rather than before a resume. */
  last?: EpochEvent;
  /** The epoch with the best monitored figure of the held-out images; absent without any. */
  best?: JudgedEpoch & Figure;
  /** Whether it was ended before its last epoch, by stop() or a `break`. */
  stopped: boolean;
  /** Whether `earlyStopping` ended it. */
  stoppedEarly: boolean;
  /** Steps of the whole run that were skipped, as their loss was not finite. */
  nonFinite: number;
  /** The checkpoint of what the run delivers: the best or, where there is none, the last. Absent without `output`. */
  checkpoint?: string;
}

/**
 * A training that {@link Trainer.fit} makes ready, and that begins when it is first awaited or iterated. `await run` trains
 * to the end and gives the result; `for await (const event of run)` watches it, and a `break` is a {@link Run.stop}. Where
 * it has been iterated, `await run` gives the result once the iteration is over.
 */
export class Run
  implements AsyncIterableIterator<TrainingEvent, TrainingResult, void>, Promise<TrainingResult>
{
  /** "Run" */
  readonly [Symbol.toStringTag] = "Run";
  readonly #events: AsyncGenerator<TrainingEvent, TrainingResult, void>;
  readonly #stop: AbortController;
  readonly #result: Promise<TrainingResult>;
  #resolve!: (result: TrainingResult) => void;
  #reject!: (error: unknown) => void;
  #begun = false;
  /** Whether a loop asks for the events, so that they are not another's. */
  #watched = false;
  #draining = false;
  #over = false;

  /**
   * @internal
   * @param stop ends `events` after the running step, with a checkpoint
   */
  constructor(events: AsyncGenerator<TrainingEvent, TrainingResult, void>, stop: AbortController) {
    checkInstance("stop", stop, AbortController, "what fit() gives: call trainer.fit()");
    this.#events = events;
    this.#stop = stop;
    this.#result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Who iterates gets the error there.
    this.#result.catch(() => undefined);
  }

  /** Ends the run after the running step, or its accumulated batches, with a checkpoint. The result says `stopped`. */
  stop(): void {
    this.#stop.abort();
  }

  /** Trains to the end, or waits for the end of the iteration. */
  then<Fulfilled = TrainingResult, Rejected = never>(
    onFulfilled?: ((result: TrainingResult) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onRejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    if (!this.#watched && !this.#draining) {
      this.#draining = true;
      this.#drain().catch(() => undefined);
    }
    return this.#result.then(onFulfilled, onRejected);
  }

  /** As of a promise: trains to the end, as `then` does. */
  catch<Rejected = never>(
    onRejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<TrainingResult | Rejected> {
    return this.then(undefined, onRejected);
  }

  /** As of a promise: trains to the end, as `then` does. */
  finally(onFinally?: (() => void) | null): Promise<TrainingResult> {
    return this.then().finally(onFinally);
  }

  /** The next event. */
  async next(): Promise<IteratorResult<TrainingEvent, TrainingResult>> {
    this.#begun = true;
    if (this.#over) return { done: true, value: await this.#result };
    try {
      const next = await this.#events.next();
      if (next.done) this.#end(() => this.#resolve(next.value));
      return next;
    } catch (error) {
      this.#end(() => this.#reject(error));
      throw error;
    }
  }

  /** What a `break` calls: stops the run and waits for its end. */
  async return(): Promise<IteratorResult<TrainingEvent, TrainingResult>> {
    this.stop();
    if (!this.#begun) await this.#cancel();
    return { done: true, value: await this.#drain() };
  }

  async #cancel(): Promise<void> {
    const none = { epochs: 0, stopped: true, stoppedEarly: false, nonFinite: 0 };
    this.#begun = true;
    await this.#events.return(none);
    this.#end(() => this.#resolve(none));
  }

  #end(settle: () => void): void {
    this.#over = true;
    settle();
  }

  async #drain(): Promise<TrainingResult> {
    for (;;) {
      const { done, value } = await this.next();
      if (done) return value;
    }
  }

  /** Itself. */
  [Symbol.asyncIterator](): this {
    this.#watched = true;
    return this;
  }

  /** Calls return(): for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#over) await this.return();
  }
}
