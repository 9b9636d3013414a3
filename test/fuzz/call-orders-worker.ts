// Runs programs until it is terminated.
import { parentPort, workerData } from "node:worker_threads";
import { fuzzCallOrders } from "./call-orders.js";

const { seed } = workerData as { seed: number };
await fuzzCallOrders({ programs: 1000, seed, onProgram: () => parentPort?.postMessage("program") });
