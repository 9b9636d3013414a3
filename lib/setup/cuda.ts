import { existsSync } from "node:fs";
import type { BuildSystem } from "../addon/paths.js";
import type { Libtorch } from "../addon/libtorch.js";
import { scriptCommand } from "../addon/runtime.js";
import { compiledFile } from "../package.js";
import { run } from "./run.js";

/** Whether this machine has an NVIDIA GPU, under Linux or in the Windows Subsystem for Linux. */
export function hasGpu(): boolean {
  return ["/dev/nvidia0", "/dev/dxg"].some((device) => existsSync(device));
}

/** How many GPUs LibTorch can use; 0 too where the addon does not load. It is asked in another process: this one loads no LibTorch. */
export async function countUsableGpus(): Promise<number> {
  const { command, args, env } = scriptCommand(compiledFile("setup/count-gpus.js"));
  const { code, stdout } = await run(command, args, { env });
  return code === 0 ? Number(stdout) : 0;
}

/** Why the CUDA kernels cannot be built, or undefined where they can. */
export async function whyNoCudaBuild(
  libtorch: Libtorch,
  buildSystem: BuildSystem,
): Promise<string | undefined> {
  if (libtorch.cuda === null) {
    return `LibTorch ${libtorch.version} in ${libtorch.root} is built for the CPU only; take one for CUDA: python3 -m pip install torch`;
  }
  if (buildSystem === "gyp") return "node-gyp builds for the CPU only; CMake builds the CUDA kernels";
  const nvcc = await run("nvcc", ["--version"]);
  if (nvcc.code !== 0) {
    return `nvcc, which compiles the CUDA kernels, is not on the PATH; install the CUDA toolkit ${libtorch.cuda}`;
  }
  return whyNotThisNvcc(nvcc.output, libtorch.cuda);
}

/** What stands against compiling for LibTorch's `cuda` ("13.0") with an nvcc whose --version says `version`. */
export function whyNotThisNvcc(version: string, cuda: string): string | undefined {
  const [, major] = /release (\d+)\./.exec(version) ?? [];
  if (major === undefined || major === cuda.split(".")[0]) return undefined;
  return `nvcc is of CUDA ${major}, but LibTorch of CUDA ${cuda}; put the nvcc of CUDA ${cuda} first on the PATH`;
}
