import { invalidArgument } from "../errors.js";
import { native } from "../native/binding.js";
import { checkDevice, type Device } from "../native/dtype.js";
import { ops, type Tensor } from "./tensor.js";

/** What LibTorch can see of NVIDIA GPUs. */
export const cuda = {
  /**
   * Whether tensors can be put on "cuda".
   * @throws McLossError ERR_ADDON_MISSING or ERR_LIBTORCH_MISMATCH where nothing can be asked
   */
  isAvailable(): boolean {
    return isUsable("cuda");
  },
};

function isUsable(device: Device): boolean {
  // Without the addon there is no answer: that it is missing is thrown.
  native();
  try {
    (ops("aten::empty.memory_format", [0], { device }) as Tensor).dispose();
    return true;
  } catch {
    return false;
  }
}

/** How many GPUs LibTorch sees. */
export function countGpus(): number {
  let count = 0;
  while (isUsable(`cuda:${count}`)) count += 1;
  return count;
}

/**
 * The device that is meant: "auto" is the first GPU, or the CPU where there is none.
 * @throws McLossError ERR_ARGUMENT for another name, and for a GPU that LibTorch does not see
 */
export function chooseDevice(argument: string, wanted: Device | "auto" = "auto"): Device {
  if (wanted === "auto") return cuda.isAvailable() ? "cuda" : "cpu";
  const device = checkDevice(argument, wanted);
  if (isUsable(device)) return device;
  throw invalidArgument(
    argument,
    `cannot be ${device}: LibTorch sees no such GPU; mcloss doctor says what it sees`,
  );
}

/**
 * Whether float32 products and convolutions on a GPU may be rounded to TF32, which is several times as fast and keeps
 * 10 bits of the mantissa (torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32). For the whole
 * process; without an argument it changes nothing. LibTorch starts with convolutions alone.
 * @returns whether both may be, from now on
 */
export function allowTf32(allow?: boolean): boolean {
  if (allow !== undefined && typeof allow !== "boolean")
    throw invalidArgument("allow", "must be true or false");
  return native().allowTf32(allow);
}
