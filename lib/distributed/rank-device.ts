import { invalidArgument } from "../errors.js";
import type { Device } from "../native/dtype.js";
import { chooseDevice, countGpus } from "../tensor/cuda.js";

/**
 * The device of one of several processes: each has a GPU of its own, by its number on the machine, or the CPU.
 * @throws McLossError ERR_ARGUMENT where there are fewer GPUs than processes
 */
export function chooseRankDevice(wanted: Device | "auto" = "auto", localRank: number): Device {
  if (wanted !== "auto" && wanted !== "cuda") return chooseDevice("device", wanted);
  const gpus = countGpus();
  if (gpus === 0) return chooseDevice("device", wanted);
  // Launchers may show each process its own alone.
  if (gpus === 1) return "cuda:0";
  if (localRank < gpus) return `cuda:${localRank}`;
  throw invalidArgument(
    "device",
    `cannot be a GPU of process ${localRank + 1} on this machine, as it has ${gpus}: start as many processes as there are GPUs, or set device to cpu`,
  );
}
