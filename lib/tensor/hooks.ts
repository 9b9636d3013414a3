import { native, type Handle, type TensorHandle } from "../native/binding.js";
import type { NativeCallback } from "../native/callbacks.js";
import { runInMode } from "./grad-mode.js";
// Types only: tensor.ts builds on this module.
import type { Tensor } from "./tensor.js";

/** What a hook may return: a tensor that replaces the one it was given, or nothing. */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a hook need not return anything
export type HookResult = Tensor | null | undefined | void;

/** Stands for a registered hook. */
export class HookHandle {
  readonly #handle: Handle<"Hook">;

  /** @internal */
  constructor(handle: Handle<"Hook">) {
    this.#handle = handle;
  }

  /** The hook is not called any more. May be called again, and after its tensor was disposed. */
  remove(): void {
    native().removeHook(this.#handle);
  }

  /** Calls remove(): for `using`. */
  [Symbol.dispose](): void {
    this.remove();
  }
}

/** `hook`, as native code calls it. What it returns, if anything, replaces what it was given. */
export function nativeHook(hook: (tensor: TensorHandle) => HookResult | Promise<HookResult>): NativeCallback {
  return ({ tensors: [tensor], grad }, reply) => {
    if (!tensor) return;
    const answer = (result: HookResult) => reply(result ? [result.handle] : []);
    const result = runInMode({ recording: grad ? "grad" : "noGrad", pass: null }, () => hook(tensor));
    return result instanceof Promise ? result.then(answer) : answer(result);
  };
}
