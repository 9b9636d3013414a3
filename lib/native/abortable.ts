import { setMaxListeners } from "node:events";
import { abortError, throwIfAborted } from "../abort.js";
import { native, type Binding } from "./binding.js";

/** An option of everything that waits for its turn on the native thread. */
export interface AbortOptions {
  /**
   * Aborting rejects the promise with ERR_ABORTED at once, and nothing is done, while the work still waits for its
   * turn. Work that has begun is finished, and its promise settles as it would have.
   */
  signal?: AbortSignal | undefined;
}

/**
 * What `start`, one call of the addon, promises, unless `signal` is aborted before that has begun. What `start` throws is
 * a rejection too.
 */
export function abortable<T>(
  signal: AbortSignal | undefined,
  what: string,
  start: (binding: Binding) => Promise<T>,
): Promise<T> {
  return rejecting(() => {
    throwIfAborted(signal, what);
    const binding = native();
    const result = start(binding);
    return signal ? cancelling(signal, what, result, binding.lastJob()) : result;
  });
}

/** What `start` promises; what it throws is a rejection. An async function's promise would stay pending at the process's end. */
export function rejecting<T>(start: () => Promise<T>): Promise<T> {
  try {
    return start();
  } catch (error) {
    const reason = error as Error;
    return Promise.reject(reason);
  }
}

async function cancelling<T>(signal: AbortSignal, what: string, result: Promise<T>, job: number): Promise<T> {
  const cancel = (): void => {
    native().cancelJob(job, abortError(signal, what));
  };
  setMaxListeners(0, signal); // many calls at once are no leak
  signal.addEventListener("abort", cancel, { once: true });
  try {
    return await result;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}
