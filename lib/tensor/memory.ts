import { native } from "../native/binding.js";
import { countOpenScopes } from "./scope.js";

export interface MemoryUsage {
  /** Tensor handles that are neither disposed nor collected. */
  tensors: number;
  /** Bytes of the storages that those handles keep, each storage once. */
  bytes: number;
  /** tidy() calls that have not returned. */
  openScopes: number;
}

/** What this thread's tensors hold. */
export function memory(): MemoryUsage {
  return { ...native().memory(), openScopes: countOpenScopes() };
}
