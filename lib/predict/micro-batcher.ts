import { setMaxListeners } from "node:events";
import { abortError } from "../abort.js";

/** What is done for requests, which are told apart again afterwards. */
export interface BatchWork<Input, Prepared, Result> {
  /** For one request by itself; a rejection is its own alone. */
  prepare: (input: Input) => Promise<Prepared>;
  /** For several at once: a result for each, in order. A rejection is that of all of them. */
  run: (batch: readonly Prepared[]) => Promise<readonly Result[]>;
}

export interface BatchLimits {
  /** Requests that run at once. */
  maxBatch: number;
  /** Requests that are prepared at once. */
  concurrency: number;
  /**
   * About how long a batch may take, in ms, as far as it can be told from the one before: where more at once is not faster, fewer
   * at once are answered sooner. Default: any time.
   */
  batchMilliseconds?: number;
  /** What a batch that is made smaller for that has a multiple of, such as the processors. Default 1. */
  multiple?: number;
}

interface Request<Input, Prepared, Result> {
  input: Input;
  prepared?: Prepared;
  state: "waiting" | "begun" | "cancelled";
  resolve: (result: Result) => void;
  reject: (reason: unknown) => void;
}

/**
 * Batches requests without delaying any: one batch runs at a time, and what is prepared when it ends is the next one.
 * A request that is ready goes into the next batch, where no more than that takes are before it, and so waits for one at
 * most. No more is prepared than the next batch takes, so that a flood of requests costs no memory beyond its inputs.
 */
export class MicroBatcher<Input, Prepared, Result> {
  readonly #work: BatchWork<Input, Prepared, Result>;
  readonly #limits: BatchLimits;
  // Sets, as requests that are cancelled leave from the middle.
  readonly #waiting = new Set<Request<Input, Prepared, Result>>();
  readonly #ready = new Set<Request<Input, Prepared, Result>>();
  #preparing = 0;
  #running = false;
  /** Of the last batch, for each request. */
  #milliseconds = 0;

  constructor(work: BatchWork<Input, Prepared, Result>, limits: BatchLimits) {
    this.#work = work;
    this.#limits = limits;
  }

  /** @param signal rejects a request that is in no batch yet with ERR_ABORTED; `what` is its name in the message */
  async submit(input: Input, what: string, signal?: AbortSignal): Promise<Result> {
    if (!signal) return new Promise((resolve, reject) => void this.#enqueue(input, resolve, reject));
    if (signal.aborted) throw abortError(signal, what);
    let cancel = (): void => undefined;
    setMaxListeners(0, signal); // many requests at once are no leak
    try {
      return await new Promise<Result>((resolve, reject) => {
        const request = this.#enqueue(input, resolve, reject);
        cancel = () => this.#cancel(request, abortError(signal, what));
        signal.addEventListener("abort", cancel, { once: true });
      });
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  #enqueue(
    input: Input,
    resolve: (result: Result) => void,
    reject: (reason: unknown) => void,
  ): Request<Input, Prepared, Result> {
    const request: Request<Input, Prepared, Result> = { input, state: "waiting", resolve, reject };
    this.#waiting.add(request);
    this.#prepareMore();
    return request;
  }

  #cancel(request: Request<Input, Prepared, Result>, reason: unknown): void {
    if (request.state === "begun") return;
    request.state = "cancelled";
    this.#waiting.delete(request);
    this.#ready.delete(request);
    request.reject(reason);
    this.#prepareMore();
  }

  #prepareMore(): void {
    const { maxBatch, concurrency } = this.#limits;
    const ahead = Math.max(maxBatch, concurrency);
    for (const request of this.#waiting) {
      if (this.#preparing >= concurrency || this.#preparing + this.#ready.size >= ahead) return;
      this.#waiting.delete(request);
      void this.#prepare(request);
    }
  }

  async #prepare(request: Request<Input, Prepared, Result>): Promise<void> {
    this.#preparing += 1;
    try {
      request.prepared = await this.#work.prepare(request.input);
      if (request.state === "waiting") this.#ready.add(request);
    } catch (error) {
      request.reject(error);
    }
    this.#preparing -= 1;
    this.#prepareMore();
    if (!this.#running) await this.#runAll();
  }

  async #runAll(): Promise<void> {
    this.#running = true;
    while (this.#ready.size > 0) await this.#runNext();
    this.#running = false;
  }

  async #runNext(): Promise<void> {
    const batch = [...this.#ready].slice(0, this.#nextSize());
    for (const request of batch) {
      request.state = "begun";
      this.#ready.delete(request);
    }
    this.#prepareMore();
    const started = performance.now();
    try {
      const results = await this.#work.run(batch.map(({ prepared }) => prepared as Prepared));
      this.#milliseconds = (performance.now() - started) / batch.length;
      batch.forEach(({ resolve }, index) => resolve(results[index] as Result));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  #nextSize(): number {
    const { maxBatch, batchMilliseconds = Infinity, multiple = 1 } = this.#limits;
    const count = batchMilliseconds / Math.max(this.#milliseconds, Number.EPSILON);
    return Math.min(maxBatch, multiple * Math.max(1, Math.ceil(count / multiple)));
  }
}
