import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { native } from "#lib/native/binding.js";
import { readPeakMemory, resetPeakMemory } from "../../test/support/peak-memory.js";
import { specOf, type Problem } from "./problem.js";
import { Steps } from "./steps.js";

const STEPS = 3;

/** The most bytes that a fresh process has while it makes the network and trains it for three steps, beyond those before. */
export async function findPeak(problem: Problem): Promise<number | undefined> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(problem)]);
  const [answer] = (await Promise.race([once(child, "message"), once(child, "exit")])) as [unknown];
  return typeof answer === "object" ? (answer as { bytes: number }).bytes : undefined;
}

async function main({ network, batch, precision, threads }: Problem): Promise<void> {
  native().threads(threads);
  resetPeakMemory();
  const before = readPeakMemory();
  const steps = new Steps(specOf(network), { batch, precision, most: STEPS });
  for (let i = 0; i < STEPS; i += 1) await steps.run();
  process.send?.({ bytes: readPeakMemory() - before });
  process.disconnect();
}

const [, script, problem = ""] = process.argv;
if (script === fileURLToPath(import.meta.url)) await main(JSON.parse(problem) as Problem);
