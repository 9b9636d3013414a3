// Exits with 0 where CUDA can be used: see doctor.ts.
import { cuda } from "../tensor/cuda.js";

process.exitCode = cuda.isAvailable() ? 0 : 1;
