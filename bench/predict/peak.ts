import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { native } from "#lib/native/binding.js";
import { readPeakMemory, resetPeakMemory } from "../../test/support/peak-memory.js";
import type { Problem } from "./problem.js";
import { findOnnxRuntime, imagesOf, onnx, ours } from "./sides.js";

const PASSES = 3;

/** The most bytes that a fresh process has while it makes the network and runs three batches, beyond those before. */
export async function findPeak(
  side: string,
  problem: Problem,
  exported: string,
): Promise<number | undefined> {
  const child = fork(fileURLToPath(import.meta.url), [side, JSON.stringify(problem), exported]);
  const [answer] = (await Promise.race([once(child, "message"), once(child, "exit")])) as [unknown];
  return typeof answer === "object" ? (answer as { bytes: number }).bytes : undefined;
}

async function main(name: string, problem: Problem, exported: string): Promise<void> {
  native().threads(problem.threads);
  const runtime = findOnnxRuntime();
  imagesOf(problem).dispose(); // loads LibTorch
  resetPeakMemory();
  const before = readPeakMemory();
  const side =
    name === "ours" || !runtime ? await ours(problem, true) : await onnx(problem, exported, runtime);
  for (let i = 0; i < PASSES; i += 1) await side.run();
  process.send?.({ bytes: readPeakMemory() - before });
  process.disconnect();
}

const [, script, side = "", problem = "", exported = ""] = process.argv;
if (script === fileURLToPath(import.meta.url)) await main(side, JSON.parse(problem) as Problem, exported);
