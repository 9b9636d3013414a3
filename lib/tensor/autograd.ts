import { z } from "zod";
import { instanceOf, optionsOf, parseOptions, type Shape } from "../schema.js";
import { invalidArgument } from "../errors.js";
import { abortable } from "../native/abortable.js";
import type { TensorHandle } from "../native/binding.js";
import { graphShape, startBackward, startingGradient, type GraphOptions } from "./backward.js";
import { backwardMode } from "./grad-mode.js";
import { Tensor } from "./tensor.js";

/** Options of {@link grad}. */
export interface GradOptions extends GraphOptions {
  /** d(loss)/d(output) for each output, of its shape; null for a scalar's 1. Default: all null. */
  gradients?: readonly (Tensor | null)[];
}

export interface BackwardOptions extends GradOptions {
  /** Where gradients are accumulated. Default: every leaf that requires them. */
  inputs?: readonly Tensor[];
}

const anyTensor = instanceOf(Tensor, "a Tensor");
const gradShape = {
  ...graphShape,
  gradients: z.array(anyTensor.nullable()).readonly().optional(),
} satisfies Shape<GradOptions>;
const gradOptions = optionsOf<GradOptions>(gradShape);
const backwardOptions = optionsOf<BackwardOptions>({
  ...gradShape,
  inputs: z.array(anyTensor).readonly().optional(),
});

/**
 * Accumulates the gradients of the sum of `outputs` in the `grad` of the leaves that require them
 * (torch.autograd.backward).
 * @throws McLossError ERR_SHAPE where a gradient is missing or does not have its output's shape, ERR_ARGUMENT where
 * there is nothing to differentiate, or ERR_TORCH with LibTorch's reason; and what a hook or a custom function threw
 */
export async function backward(
  outputs: Tensor | readonly Tensor[],
  given: BackwardOptions = {},
): Promise<void> {
  const options = parseOptions(backwardOptions, given);
  const results = listed(outputs);
  const { inputs } = options;
  if (inputs?.length === 0) throw invalidArgument("inputs", "must have at least one tensor");
  await startBackward(results, inputs ?? [], () => checkedGradients(results, options.gradients), options);
}

/**
 * The gradients of the sum of `outputs` with respect to each of `inputs`, which need not be leaves; null where an input
 * has no part in them (torch.autograd.grad with allow_unused). Nothing is accumulated in `grad`.
 * @throws McLossError as {@link backward}
 */
export async function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  given: GradOptions = {},
): Promise<(Tensor | null)[]> {
  const options = parseOptions(gradOptions, given);
  const { createGraph = false, retainGraph = createGraph, signal } = options;
  const results = listed(outputs);
  if (!Array.isArray(inputs) || !inputs.every((each) => each instanceof Tensor)) {
    throw invalidArgument("inputs", "must be a list of Tensors");
  }
  if (inputs.length === 0) throw invalidArgument("inputs", "must have at least one tensor");
  const gradients = checkedGradients(results, options.gradients);
  const handles = await abortable(signal, "grad()", (binding) =>
    binding.gradients(
      results.map((output) => output.handle),
      inputs.map((input) => input.handle),
      gradients,
      retainGraph,
      createGraph,
      backwardMode(),
    ),
  );
  return handles.map((handle) => (handle === null ? null : new Tensor(handle)));
}

function listed(outputs: Tensor | readonly Tensor[]): readonly Tensor[] {
  const results = outputs instanceof Tensor ? [outputs] : outputs;
  if (!Array.isArray(results) || !results.every((each) => each instanceof Tensor)) {
    throw invalidArgument("outputs", "must be a Tensor, or a list of them");
  }
  if (results.length === 0) throw invalidArgument("outputs", "must have at least one tensor");
  return results;
}

function checkedGradients(
  outputs: readonly Tensor[],
  gradients: readonly (Tensor | null)[] = [],
): (TensorHandle | null)[] {
  if (gradients.length > 0 && gradients.length !== outputs.length) {
    throw invalidArgument(
      "gradients",
      `must be one for each output (${outputs.length}), got ${gradients.length}`,
    );
  }
  return outputs.map((output, i) => startingGradient(`gradients[${i}]`, output, gradients[i]));
}
