import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { native } from "#lib/native/binding.js";
import { readPeakMemory, resetPeakMemory } from "../../test/support/peak-memory.js";
import { listProblems, makeInputs, runOperator, type Problem } from "./problem.js";

/**
 * The most bytes that one forward and backward had beyond the features, in a fresh process: the package keeps large
 * blocks for reuse, so that in this one they would be there already.
 */
export async function findPeak(
  operator: string,
  problem: Problem,
  index: number,
): Promise<number | undefined> {
  const file = fileURLToPath(import.meta.url);
  const child = fork(file, [operator, String(index), String(problem.threads)]);
  const [answer] = (await Promise.race([once(child, "message"), once(child, "exit")])) as [unknown];
  return typeof answer === "object" ? (answer as { bytes: number }).bytes : undefined;
}

async function main(operator: string, index: number, threads: number): Promise<void> {
  native().threads(threads);
  const problem = listProblems("cpu", threads)[index];
  if (!problem) throw new Error(`no problem ${index}`);
  // Loads what is loaded once, in blocks too small to be kept.
  const small = { ...problem, shape: [1, problem.groups.channels, 2, 2] };
  await runOperator(operator, small, makeInputs(small), true);
  const inputs = makeInputs(problem);
  resetPeakMemory();
  const before = readPeakMemory();
  await runOperator(operator, problem, inputs, true);
  process.send?.({ bytes: readPeakMemory() - before });
  process.disconnect();
}

const [, script, operator = "", index, threads] = process.argv;
if (script === fileURLToPath(import.meta.url)) await main(operator, Number(index), Number(threads));
