import { checkFunction } from "../check-argument.js";
import { AsyncLocalStorage } from "node:async_hooks";
import type { OperationMode } from "../native/binding.js";
import type { PassHandle } from "../native/callbacks.js";

/** What operations record: everything backward() needs, nothing, or not even that it may be needed. */
const RECORDING = { grad: 0, noGrad: 1, inference: 2 } as const;
type Recording = keyof typeof RECORDING;

class Mode {
  static readonly default = new Mode("grad", false, null);
  readonly native: OperationMode;

  constructor(
    readonly recording: Recording,
    readonly anomaly: boolean,
    readonly pass: PassHandle | null,
  ) {
    const code = RECORDING[recording];
    this.native = anomaly || pass ? { recording: code, anomaly, pass } : code;
  }
}

const modes = new AsyncLocalStorage<Mode>();

function current(): Mode {
  return modes.getStore() ?? Mode.default;
}

/** For native calls: how the operations of this async context run. */
export function operationMode(): OperationMode {
  return current().native;
}

/** For backward, which saves nothing of its own and decides itself what it records. */
export function backwardMode(): OperationMode {
  return new Mode("grad", current().anomaly, null).native;
}

/** Whether operations record what backward() needs. True outside noGrad() and inferenceMode(). */
export function gradEnabled(): boolean {
  return current().recording === "grad";
}

/** Runs `fn` in this context's mode with changes. The mode follows the function across its awaits. */
export function runInMode<T>(
  change: { recording?: Recording; anomaly?: boolean; pass?: PassHandle | null },
  fn: () => T,
): T {
  checkFunction("fn", fn);
  const { recording, anomaly, pass } = current();
  const mode = new Mode(
    change.recording ?? recording,
    change.anomaly ?? anomaly,
    change.pass === undefined ? pass : change.pass,
  );
  return modes.run(mode, fn);
}

/**
 * Runs `fn`, sync or async, without recording gradients (torch.no_grad). The mode follows the function across its
 * awaits and does not leak into code that runs between them.
 */
export function noGrad<T>(fn: () => T): T {
  checkFunction("fn", fn);
  return current().recording === "inference" ? fn() : runInMode({ recording: "noGrad" }, fn);
}

/** Runs `fn`, sync or async, recording gradients, inside of noGrad() too (torch.enable_grad). */
export function enableGrad<T>(fn: () => T): T {
  checkFunction("fn", fn);
  return current().recording === "inference" ? fn() : runInMode({ recording: "grad" }, fn);
}

/**
 * Runs `fn`, sync or async, for inference alone (torch.inference_mode): faster than noGrad(), as its tensors are
 * not tracked at all. Outside, they can be read and computed with, but neither changed in place nor saved for
 * backward, which is an `ERR_TORCH` error; `clone()` makes an ordinary tensor of one. Like noGrad() it follows the
 * function across its awaits and does not leak into code that runs between them.
 */
export function inferenceMode<T>(fn: () => T): T {
  return runInMode({ recording: "inference" }, fn);
}
