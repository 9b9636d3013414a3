import { setImmediate as nextTask } from "node:timers/promises";
import { memory, type MemoryUsage } from "mutual-channel-loss";

/** What is held once the garbage that earlier tests left has been collected, so that none goes while a test counts. */
export async function settledMemory(): Promise<MemoryUsage> {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc!();
    await nextTask(); // finalizers run between tasks
  }
  return memory();
}
