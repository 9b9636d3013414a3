import { AsyncLocalStorage } from "node:async_hooks";

const gradMode = new AsyncLocalStorage<boolean>();

/** Whether operations record what backward() needs. True outside noGrad(). */
export function gradEnabled(): boolean {
  return gradMode.getStore() ?? true;
}

/**
 * Runs `fn`, sync or async, without recording gradients (torch.no_grad). The mode follows the function across its
 * awaits and does not leak into code that runs between them.
 */
export function noGrad<T>(fn: () => T): T {
  return gradMode.run(false, fn);
}
