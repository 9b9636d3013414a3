import { coreShare } from "../cores.js";
import { native } from "../native/binding.js";

/**
 * How many images are under way at once: two for each core, so that while one is decoded the next is planned. LibTorch is
 * not slowed by it beyond the work itself, as a full queue of batches stops the decoding.
 */
export function defaultWorkers(): number {
  return 2 * coreShare();
}

/** Lets at least so many images be worked on at once, by this process's threads for them. */
export function allowImageThreads(count: number): void {
  native().imageThreads(count);
}
