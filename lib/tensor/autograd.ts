import { invalidArgument } from "../errors.js";
import { native } from "../native/binding.js";
import { Tensor } from "./tensor.js";

export interface GradOptions {
  /** d(loss)/d(output) for each output, null for a scalar's 1. Default: all null. */
  gradients?: readonly (Tensor | null)[];
  /** Keeps what another pass through the same graph needs. Default: as `createGraph`. */
  retainGraph?: boolean;
  /** Records the gradients' own computation, for second derivatives. Default false. */
  createGraph?: boolean;
}

/**
 * The gradients of the sum of `outputs` with respect to each of `inputs`, which need not be leaves; null where an input
 * has no part in them (torch.autograd.grad with allow_unused). Nothing is accumulated in `grad`.
 * @throws McLossError ERR_ARGUMENT where there is nothing to differentiate, or ERR_TORCH with LibTorch's reason
 */
export async function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions = {},
): Promise<(Tensor | null)[]> {
  const { createGraph = false, retainGraph = createGraph, gradients = [] } = options;
  const results = outputs instanceof Tensor ? [outputs] : outputs;
  if (results.length === 0) throw invalidArgument("outputs", "must have at least one tensor");
  if (inputs.length === 0) throw invalidArgument("inputs", "must have at least one tensor");
  if (gradients.length > 0 && gradients.length !== results.length) {
    throw invalidArgument(
      "gradients",
      `must be one for each output (${results.length}), got ${gradients.length}`,
    );
  }
  const handles = await native().gradients(
    results.map((output) => output.handle),
    inputs.map((input) => input.handle),
    gradients.map((gradient) => gradient?.handle ?? null),
    retainGraph,
    createGraph,
  );
  return handles.map((handle) => (handle === null ? null : new Tensor(handle)));
}
