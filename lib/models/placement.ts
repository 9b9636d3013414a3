import { z } from "zod";
import { McLossError } from "../errors.js";
import { flag, optionsOf, parseOptions } from "../schema.js";
import { checkDevice, isDtype, type Device, type Dtype } from "../native/dtype.js";

/** Where and how a model's tensors are kept; what is left out stays as it is. */
export interface ModelPlacement {
  device?: Device;
  /** Of floating-point tensors: "float32", "float64", "bfloat16" or "float16". */
  dtype?: Dtype;
  /** How the kernels of convolutions lie in memory; they start channels-last, which is the faster one. */
  channelsLast?: boolean;
}

const FLOATING: readonly string[] = ["float32", "float64", "bfloat16", "float16"] satisfies Dtype[];

const placementOptions = optionsOf<ModelPlacement>({
  device: z.string().optional(),
  dtype: z.string().optional(),
  channelsLast: flag.optional(),
});

/** @throws McLossError ERR_ARGUMENT, ERR_DTYPE */
export function checkPlacement(target: Device | Dtype | ModelPlacement): ModelPlacement {
  if (typeof target === "string")
    return checkPlacement(isDtype(target) ? { dtype: target } : { device: target });
  const { device, dtype, channelsLast } = parseOptions(placementOptions, target, "");
  if (dtype !== undefined && !FLOATING.includes(dtype)) {
    throw new McLossError("ERR_DTYPE", `dtype must be one of ${FLOATING.join(", ")}, got "${dtype}"`, {
      argument: "dtype",
    });
  }
  return {
    device: device === undefined ? undefined : checkDevice("device", device),
    dtype,
    channelsLast,
  };
}
