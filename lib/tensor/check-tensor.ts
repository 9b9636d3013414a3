import { invalidArgument, McLossError } from "../errors.js";
import { Tensor } from "./tensor.js";

/** @throws McLossError ERR_ARGUMENT for anything but a tensor */
export function checkTensor(argument: string, value: unknown): asserts value is Tensor {
  if (!(value instanceof Tensor)) throw invalidArgument(argument, "must be a Tensor");
}

/** @throws McLossError ERR_ARGUMENT for anything but a tensor, ERR_DTYPE for one of whole numbers or booleans */
export function checkFloating(argument: string, value: unknown): asserts value is Tensor {
  checkTensor(argument, value);
  const { dtype } = value;
  if (/float/.test(dtype)) return;
  const text = `${argument} must be of a floating-point type, got ${dtype}: convert it, for example by x.to("float32").div(255)`;
  throw new McLossError("ERR_DTYPE", text, { argument });
}
