import { McLossError } from "./errors.js";

/** Throws ERR_ABORTED, an error named AbortError, once `signal` is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted)
    throw new McLossError("ERR_ABORTED", `${what} was interrupted`, { cause: signal.reason });
}
