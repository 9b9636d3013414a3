// Trains in a worker thread.
import { Worker } from "node:worker_threads";

const worker = new Worker(new URL("train.mjs", import.meta.url), { argv: ["run-of-worker"] });
worker.on("error", (error) => {
  throw error;
});
worker.on("exit", (code) => (process.exitCode = code));
