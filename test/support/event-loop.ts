import { readFileSync } from "node:fs";

/** Of this process's first thread, in milliseconds: how long it ran, and how long it waited for a core that others had. */
function scheduled(): { ran: number; waited: number } {
  const [ran = 0, waited = 0] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8")
    .split(" ")
    .map(Number);
  return { ran: ran / 1e6, waited: waited / 1e6 };
}

/**
 * How late timers of a millisecond fire from now on, in milliseconds, without the time in which this thread waited for a
 * core: that is other programs' doing.
 */
export class TimerDelays {
  #delays: number[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    this.#next();
  }

  /** What a share of the timers since the last call did not exceed; the next call is of those that come then. */
  take(share: number): number {
    const sorted = this.#delays.sort((a, b) => a - b);
    this.#delays = [];
    return sorted[Math.floor(share * sorted.length)] ?? NaN;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #next(): void {
    const due = performance.now() + 1;
    const { waited } = scheduled();
    this.#timer = setTimeout(() => {
      const late = performance.now() - due - (scheduled().waited - waited);
      this.#delays.push(Math.max(0, late));
      this.#next();
    }, 1);
  }
}

/** The share of the process's computing that its first thread does while `work` runs: the event loop's. */
export async function eventLoopShare(work: () => Promise<void>): Promise<number> {
  const [before, all] = [scheduled(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(all);
  return (scheduled().ran - before.ran) / ((user + system) / 1000);
}
