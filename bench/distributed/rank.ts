// One process of bench/distributed.ts: says hello, then makes a step for each line that it reads.
import { createInterface } from "node:readline";
import { initProcessGroup } from "mutual-channel-loss/train";
import { native } from "#lib/native/binding.js";
import { Steps } from "../train/steps.js";
import { specOf, type RankProblem } from "./problem.js";

const { side, batch, reduce, compress } = JSON.parse(process.argv[2] ?? "{}") as RankProblem;
native().threads(1);
const group = reduce ? await initProcessGroup({ timeoutSeconds: 120 }) : undefined;
const gradientCompression = compress ? ("bfloat16" as const) : undefined;
const steps = new Steps(specOf(side), {
  batch,
  precision: "float32",
  most: 10_000,
  group,
  gradientCompression,
});
console.log(
  JSON.stringify({
    parameters: steps.model
      .parameters()
      .reduce((sum, { shape }) => sum + shape.reduce((size, one) => size * one, 1), 0),
  }),
);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "step") console.log(JSON.stringify(await steps.run()));
}
process.exit();
