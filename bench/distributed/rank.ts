// One process of bench/distributed.ts: says hello, then makes a step for each line that it reads.
import { createInterface } from "node:readline";
import { initProcessGroup } from "mutual-channel-loss/train";
import { native } from "#lib/native/binding.js";
import { Steps } from "../train/steps.js";
import { specOf, type RankProblem } from "./problem.js";

const { side, batch, reduce, compress, bucketBytes } = JSON.parse(process.argv[2] ?? "{}") as RankProblem;
native().threads(1);
if (bucketBytes !== undefined) {
  const addon = native();
  const createReducer = addon.createReducer.bind(addon);
  addon.createReducer = (group, parameters, options) =>
    createReducer(group, parameters, { ...options, bucketBytes });
}
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
  if (line !== "step") continue;
  const before = process.cpuUsage();
  const { ms } = await steps.run();
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ ms, cpu: (user + system) / 1000 }));
}
process.exit();
