import { invalidArgument } from "../errors.js";
import { native } from "../native/binding.js";
import { Tensor } from "../tensor/tensor.js";
import { shown } from "../shown.js";

/**
 * Scales the gradients of `parameters`, in place, so that their joint L2 norm is at most `maxNorm`
 * (torch.nn.utils.clip_grad_norm_). Gives the norm that they had, a scalar.
 */
export async function clipGradNorm(parameters: readonly Tensor[], maxNorm: number): Promise<Tensor> {
  checkLimit("maxNorm", maxNorm);
  return new Tensor(await native().clipGradNorm(handles(parameters), maxNorm));
}

/** Limits every element of the gradients to [−limit, limit], in place (torch.nn.utils.clip_grad_value_). */
export async function clipGradValue(parameters: readonly Tensor[], limit: number): Promise<void> {
  checkLimit("limit", limit);
  await native().clipGradValue(handles(parameters), limit);
}

function handles(parameters: readonly Tensor[]) {
  if (!Array.isArray(parameters)) throw invalidArgument("parameters", "must be a list of Tensors");
  return parameters.map((parameter: unknown, index) => {
    if (parameter instanceof Tensor) return parameter.handle;
    throw invalidArgument(`parameters[${index}]`, "must be a Tensor");
  });
}

function checkLimit(argument: string, value: number): void {
  if (typeof value === "number" && value > 0) return;
  throw invalidArgument(argument, `must be a number above 0, got ${shown(value)}`);
}
