// Loads a model from the file given, in the way given, and prints its size and how far memory rose above the start.
import { statSync } from "node:fs";
import { loadModel, Model, tensor } from "mutual-channel-loss";
import { parseModelSpec } from "mutual-channel-loss/models";
import { openSafetensors } from "mutual-channel-loss/tensor";
import { readPeakMemory, resetPeakMemory } from "./peak-memory.js";

const [mode, path = ""] = process.argv.slice(2);
tensor([1]).dispose(); // loads the addon
await using file = await openSafetensors(path);
const spec = parseModelSpec(JSON.parse(file.metadata["spec"] ?? ""));
globalThis.gc?.();
resetPeakMemory();
const before = readPeakMemory();
const model = mode === "load" ? new Model(spec) : await loadModel(path);
if (mode === "load") await model.load(path);
console.log(JSON.stringify({ growth: readPeakMemory() - before, bytes: statSync(path).size }));
model.dispose();
