import { expect } from "chai";
import { setImmediate as nextTask } from "node:timers/promises";
import { memory } from "mutual-channel-loss";
import { type MemoryUsage } from "mutual-channel-loss/tensor";

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

/**
 * Checks that nothing but garbage came since `before`. What is under way may keep some beyond a collection or two.
 */
export async function expectNoneLeft(before: HeldMemory): Promise<void> {
  const isLeft = () => memory().tensors > before.tensors || memory().bytes > before.bytes;
  for (let round = 0; round < 20 && isLeft(); round += 1) await collectGarbage();
  const { tensors, bytes, openScopes } = heldMemory();
  expect(tensors, "tensors").to.be.at.most(before.tensors);
  expect(bytes, "bytes").to.be.at.most(before.bytes);
  expect(openScopes, "open scopes").to.equal(before.openScopes);
}
