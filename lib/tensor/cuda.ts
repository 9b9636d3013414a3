import { ops } from "./tensor.js";

/** What LibTorch can see of NVIDIA GPUs. */
export const cuda = {
  /** Whether tensors can be put on "cuda". */
  isAvailable(): boolean {
    try {
      ops("aten::empty.memory_format", [0], { device: "cuda" });
      return true;
    } catch {
      return false;
    }
  },
};
