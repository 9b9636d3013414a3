import { checkFunction } from "../check-argument.js";
import { native } from "../native/binding.js";
import type { NativeCallback, PassHandle } from "../native/callbacks.js";
import { gradEnabled, runInMode } from "./grad-mode.js";
import { tidy } from "./scope.js";
import { Tensor } from "./tensor.js";

/**
 // eslint-disable-next-line no-restricted-syntax -- as many as the function has parameters
 * `fn(...inputs)`, sync or async, that keeps none of its intermediate tensors for backward and computes them again
 * when backward needs them: less memory for one more forward (torch.utils.checkpoint, non-reentrant). Gradients are
 * the same, as the generators' state is restored, so that dropout repeats. `fn` must do the same operations each time,
 * and not change its inputs in place; what it takes from around it, such as parameters, must not be disposed before
 * backward. Batch normalisation sees the batch twice.
 * @throws McLossError what `fn` throws; backward then rejects with ERR_TORCH where the second run saved other tensors
 * than the first
 */
export function checkpoint<Inputs extends readonly unknown[], Result>(
  fn: (...inputs: Inputs) => Result,
  ...inputs: Inputs
): Result {
  checkFunction("fn", fn);
  // eslint-disable-next-line no-restricted-syntax -- as many as the function has parameters
  if (!gradEnabled()) return fn(...inputs);
  const tensors = inputs.filter((input) => input instanceof Tensor);
  const pass = native().startCheckpoint(
    tensors.map((tensor) => tensor.handle),
    repeat(
      fn,
      inputs.map((input) => (input instanceof Tensor ? TENSOR : input)),
    ),
  );
  // eslint-disable-next-line no-restricted-syntax -- as many as the function has parameters
  return inPass(pass, () => runInMode({ pass }, () => fn(...inputs)));
}

/** Holds the place of an input that native code keeps. */
const TENSOR = Symbol("tensor");

// Apart from checkpoint(), whose tensors would live as long as the graph if this function saw them.
function repeat(fn: (...inputs: never[]) => unknown, inputs: readonly unknown[]): NativeCallback {
  return ({ tensors, pass }) => {
    if (pass === null) throw new Error("a checkpoint is repeated in a pass");
    const run = () => {
      const given = tensors.values();
      const again = inputs.map((input) => {
        const handle = input === TENSOR ? given.next().value : null;
        return handle ? new Tensor(handle) : input;
      });
      // eslint-disable-next-line no-restricted-syntax -- as many as the function has parameters
      const result = fn(...(again as never[]));
      // Not the result: tidy() would keep it, and with it all that was computed again.
      return result instanceof Promise ? result.then(() => undefined) : undefined;
    };
    return inPass(pass, () => tidy(() => runInMode({ recording: "grad", pass }, run)));
  };
}

/** Tells native code when a pass begins and, for good, when it ends. */
function inPass<T>(pass: PassHandle, run: () => T): T {
  native().beginPass(pass);
  const end = () => native().endPass(pass);
  let result: T;
  try {
    result = run();
  } catch (error) {
    end();
    throw error;
  }
  if (result instanceof Promise) return result.finally(end) as T;
  end();
  return result;
}
