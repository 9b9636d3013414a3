import { sumNumbers } from "../distributed/exchange.js";
import type { ProcessGroup } from "../distributed/process-group.js";

/** How many numbers {@link StopAgreement.wishes} has. */
export const WISHES = 2;

/**
 * Whether a run ends before its time. Of one process that is where it is asked to; several agree, so that all end after the
 * same step when one of them is asked to.
 */
export class StopAgreement {
  /** Aborted once all processes know. */
  readonly signal: AbortSignal;
  readonly #group: ProcessGroup | undefined;
  readonly #stop: AbortSignal;
  readonly #caller: AbortSignal | undefined;
  readonly #agreed = new AbortController();
  #byCaller = false;

  /**
   * @param group undefined where there is one process
   * @param stop of stop()
   * @param caller the caller's own, which makes the run fail
   */
  constructor(group: ProcessGroup | undefined, stop: AbortSignal, caller: AbortSignal | undefined) {
    this.#group = group;
    this.#stop = stop;
    this.#caller = caller;
    this.signal = group ? this.#agreed.signal : caller ? AbortSignal.any([stop, caller]) : stop;
  }

  /** Whether a caller's signal ended it, maybe in another process. */
  get byCaller(): boolean {
    return this.#group ? this.#byCaller : (this.#caller?.aborted ?? false);
  }

  /** Why it ended. */
  get reason(): unknown {
    const ended = this.#caller?.aborted ? this.#caller : this.signal;
    return ended.reason as unknown;
  }

  /** What this process wishes, as numbers to be summed over the processes. */
  get wishes(): number[] {
    return [this.#stop.aborted ? 1 : 0, this.#caller?.aborted ? 1 : 0];
  }

  /** @param sums of all processes' wishes */
  take([stops = 0, callers = 0]: readonly number[]): void {
    if (this.#agreed.signal.aborted || stops + callers === 0) return;
    this.#byCaller = callers > 0;
    this.#agreed.abort(this.#caller?.aborted ? this.#caller.reason : undefined);
  }

  /** Hears what the other processes wish, if there are any. */
  async agree(): Promise<void> {
    if (this.#group) this.take(await sumNumbers(this.#group, this.wishes));
  }
}
