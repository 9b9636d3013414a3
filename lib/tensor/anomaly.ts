import { runInMode } from "./grad-mode.js";

/**
 * Runs `fn`, sync or async, looking for the cause of bad gradients (torch.autograd.detect_anomaly). A backward in
 * it that computes a NaN rejects with `ERR_NAN_GRADIENT`, and one that LibTorch refuses with its own code. Where the
 * forward ran in `fn` too, the error's `op` is the operator whose backward it was, and its `cause` an error with the
 * stack of that operator's call. It checks every gradient and is slow: for debugging.
 */
export function detectAnomaly<T>(fn: () => T): T {
  return runInMode({ anomaly: true }, fn);
}
