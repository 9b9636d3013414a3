import { McLossError } from "./errors.js";

/** Throws ERR_ABORTED, an error named AbortError, once `signal` is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw abortError(signal, what);
}

/** ERR_ABORTED, an error named AbortError, whose cause is the signal's reason. */
export function abortError(signal: AbortSignal, what: string): McLossError {
  return new McLossError("ERR_ABORTED", `${what} was interrupted`, { cause: signal.reason });
}
