// argv: HOW PATH; loads or saves once, as bench/load.ts asks, and prints the seconds and the rise of peak memory.
import { rm, stat } from "node:fs/promises";
import { Model, tensor, type Tensor } from "mutual-channel-loss";
import { loadStateDict, ops, saveStateDict } from "mutual-channel-loss/tensor";
import { readPeakMemory, resetPeakMemory } from "../../test/support/peak-memory.js";
import { bottlenecks } from "./bottlenecks.js";

const [how, path = ""] = process.argv.slice(2);

/** Reads a byte of every page. */
function touch(state: Readonly<Record<string, Tensor>>): void {
  for (const value of Object.values(state)) {
    const bytes = ops("aten::view.dtype", value.reshape([-1]), "uint8") as Tensor;
    (ops("aten::slice.Tensor", bytes, 0, null, null, 4096) as Tensor).sum().dispose();
  }
}

async function measure(task: () => Promise<unknown>): Promise<void> {
  resetPeakMemory();
  const before = readPeakMemory();
  const started = performance.now();
  await task();
  const seconds = (performance.now() - started) / 1000;
  console.log(JSON.stringify({ seconds, peak: readPeakMemory() - before }));
}

touch({ first: tensor([1]) }); // loads the addon
if (how === "tensors" || how === "mapped") {
  await measure(async () => touch(await loadStateDict(path)));
} else if (how === "model") {
  const model = new Model(bottlenecks((await stat(path)).size));
  model.state(); // makes the weights
  await measure(() => model.load(path));
} else {
  const state = await loadStateDict(path);
  const copy = `${path}.copy`;
  await measure(() => saveStateDict(copy, state));
  await rm(copy);
}
