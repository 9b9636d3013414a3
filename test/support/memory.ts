import { setImmediate as nextTask } from "node:timers/promises";
import { memory, type MemoryUsage } from "mutual-channel-loss";

/** What memory() tells of this thread: the allocators are the whole process's. */
export type HeldMemory = Omit<MemoryUsage, "allocators">;

export function heldMemory(): HeldMemory {
  const { tensors, bytes, bytesByDevice, openScopes } = memory();
  return { tensors, bytes, bytesByDevice, openScopes };
}

/** Collects the garbage and lets its finalizers run. */
export async function collectGarbage(): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc!();
    await nextTask(); // finalizers run between tasks
  }
}

/** What is held once the garbage that earlier tests left has been collected, so that none goes while a test counts. */
export async function settledMemory(): Promise<HeldMemory> {
  await collectGarbage();
  return heldMemory();
}
