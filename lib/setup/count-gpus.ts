// Says how many GPUs LibTorch can use, in a process of its own, which ends when it has: see cuda.ts.
import { countGpus } from "../tensor/cuda.js";

console.log(countGpus());
