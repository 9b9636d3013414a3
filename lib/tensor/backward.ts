import { abortShape, flag, type Shape } from "../schema.js";
import { McLossError } from "../errors.js";
import { abortable, type AbortOptions } from "../native/abortable.js";
import type { TensorHandle } from "../native/binding.js";
import { backwardMode } from "./grad-mode.js";
// Types only: tensor.ts builds on this module.
import type { Tensor } from "./tensor.js";

/** How a backward pass goes. */
export interface GraphOptions extends AbortOptions {
  /** Keeps what another pass through the same graph needs. Default: as `createGraph`. */
  retainGraph?: boolean;
  /** Records the gradients' own computation, for second derivatives. Default false. */
  createGraph?: boolean;
}

export const graphShape = {
  ...abortShape,
  retainGraph: flag.optional(),
  createGraph: flag.optional(),
} satisfies Shape<GraphOptions>;

/**
 * Starts `outputs`' backward, which accumulates in `inputs`, or in every leaf where there are none. What `gradients`
 * throws is a rejection too.
 */
export function startBackward(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  gradients: () => readonly (TensorHandle | null)[],
  { createGraph = false, retainGraph = createGraph, signal }: GraphOptions,
): Promise<void> {
  return abortable(signal, "backward()", (binding) =>
    binding.backward(
      outputs.map((output) => output.handle),
      inputs.map((input) => input.handle),
      gradients(),
      retainGraph,
      createGraph,
      backwardMode(),
    ),
  );
}

/** The gradient an output's backward starts with; null stands for a scalar's 1. */
export function startingGradient(
  argument: string,
  output: Tensor,
  gradient: Tensor | null | undefined,
): TensorHandle | null {
  // LibTorch's to refuse, in its turn.
  if (!output.requiresGrad) return gradient?.handle ?? null;
  const { shape } = output;
  if (!gradient) {
    if (shape.every((size) => size === 1)) return null;
    throw wrongShape(argument, `must be given for an output of shape [${shape.join(", ")}]`);
  }
  if (gradient.shape.join() === shape.join()) return gradient.handle;
  throw wrongShape(
    argument,
    `must have its output's shape [${shape.join(", ")}], got [${gradient.shape.join(", ")}]`,
  );
}

function wrongShape(argument: string, problem: string): McLossError {
  return new McLossError("ERR_SHAPE", `${argument} ${problem}`, { argument });
}
