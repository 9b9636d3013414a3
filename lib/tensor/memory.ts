import { native } from "../native/binding.js";
import { countOpenScopes } from "./scope.js";

/** Bytes of one device's memory, of the whole process. */
export interface AllocatorUsage {
  /** In use. */
  allocated: number;
  /** In use, or kept for reuse: what {@link emptyCache} brings down to `allocated`. */
  reserved: number;
  /** The most that were in use at once. */
  peak: number;
}

/** What this thread's objects hold, and the process's allocators. */
export interface MemoryUsage {
  /** Tensors that are neither disposed nor collected. */
  tensors: number;
  /**
   * Bytes of the memory that they, and models, optimizers and averages of weights, keep: each storage once, however
   * many tensors share it. Gradients and what backward() needs count only where a tensor of their own holds them.
   */
  bytes: number;
  /** The same by device: `{ cpu: 4096, "cuda:0": 65536 }`. */
  bytesByDevice: Record<string, number>;
  /** tidy() calls that have not returned, or whose promise has not settled. */
  openScopes: number;
  /**
   * By device: "cpu", whose figures are of the blocks of 64 KiB and more, and, once they have been used, the GPUs as
   * torch.cuda.memory_allocated, memory_reserved and max_memory_allocated have them.
   */
  allocators: Record<string, AllocatorUsage>;
}

/** What tensors hold. Bytes are exact where no native work is under way, and may lag behind it. */
export function memory(): MemoryUsage {
  return { ...native().memory(), openScopes: countOpenScopes() };
}

/**
 * Gives the memory that allocators keep for reuse back to the system and to other users of the GPU
 * (torch.cuda.empty_cache). What comes next has to ask for it anew, so a training loop is slower with it.
 */
export function emptyCache(): void {
  native().emptyCache();
}
