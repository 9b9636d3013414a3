import type { BuildSystem } from "./paths.js";
import type { Libtorch } from "./libtorch.js";
import { versionOf } from "./run.js";

/** Why the CUDA kernels cannot be built, or undefined where they can. */
export async function whyNoCudaBuild(
  libtorch: Libtorch,
  buildSystem: BuildSystem,
): Promise<string | undefined> {
  if (libtorch.cuda === null) {
    return `LibTorch ${libtorch.version} in ${libtorch.root} is built for the CPU only; take one for CUDA: python3 -m pip install torch`;
  }
  if (buildSystem === "gyp") return "node-gyp builds for the CPU only; CMake builds the CUDA kernels";
  if ((await versionOf("nvcc")) !== undefined) return undefined;
  return `nvcc, which compiles the CUDA kernels, is not on the PATH; install the CUDA toolkit ${libtorch.cuda}`;
}
