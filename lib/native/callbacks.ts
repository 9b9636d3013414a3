import { AsyncLocalStorage } from "node:async_hooks";
import type { Handle, TensorHandle } from "./handles.js";

/** One run of a checkpointed function. */
export type PassHandle = Handle<"CheckpointPass">;

/** What native code gives a function that it calls. */
export interface CallbackArguments {
  tensors: (TensorHandle | null)[];
  flags: boolean[];
  /** Whether what the function computes is to be recorded: backward with createGraph. */
  grad: boolean;
  pass: PassHandle | null;
}

type Results = readonly (TensorHandle | null)[];

/**
 * A function that native code calls while a thread of its own waits. It may `reply` with results, at the latest when it
 * returns or its promise is fulfilled.
 */
export type NativeCallback = (
  given: CallbackArguments,
  reply: (results: Results) => void,
) => void | Promise<void>;

interface Replies {
  finishCall(call: number, results: Results): void;
  failCall(call: number, reason: unknown): void;
}

type Context = ReturnType<typeof AsyncLocalStorage.snapshot>;

/** The call whose function is running, so that jobs submitted by it go to the thread that waits for it. */
const running = new AsyncLocalStorage<number>();

/** What native code needs to call functions; see native/node/script_calls.h. */
export function callbackRunner(native: Replies) {
  return {
    snapshot: () => AsyncLocalStorage.snapshot(),
    current: () => running.getStore(),
    /** Calls `fn` in the async context of whoever asked for the job. */
    invoke(call: number, context: Context | null, fn: NativeCallback, given: CallbackArguments): void {
      const reply = (results: Results) => native.finishCall(call, results);
      const finish = () => reply([]); // does nothing after another reply
      const fail = (reason: unknown) => native.failCall(call, reason);
      const start = () => running.run(call, fn, given, reply);
      try {
        const result = context ? context(start) : start();
        if (result instanceof Promise) result.then(finish, fail);
        else finish();
      } catch (error) {
        fail(error);
      }
    },
  };
}
