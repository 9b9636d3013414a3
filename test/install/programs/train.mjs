// Imports the package, takes the loss and its gradient, and trains: what a first program does. The last line is what it measured.
import { existsSync } from "node:fs";

const [out = "run"] = process.argv.slice(2);
const started = performance.now();
const { ChannelGroups, loadModel, mcLoss, predict, tensor, train } = await import("mutual-channel-loss");
const importSeconds = (performance.now() - started) / 1000;

const features = tensor(
  Float32Array.from({ length: 72 }, (_, i) => Math.sin(i)),
  { shape: [2, 4, 3, 3], requiresGrad: true },
);
const labels = tensor(Int32Array.of(0, 1), { dtype: "int64" });
const { loss } = mcLoss(features, labels, {
  groups: ChannelGroups.uniform(2, 2),
  mask: tensor(Float32Array.of(1, 0, 1, 0)),
});
await loss.backward();
const gradient = (await features.grad.data()).reduce((sum, value) => sum + Math.abs(value), 0);

let firstStepSeconds;
const { checkpoint } = await train({
  dir: "photos/train",
  out,
  epochs: 2,
  batchSize: 4,
  network: { inputSize: 32 },
  onEvent: ({ type }) => {
    // Of the process, or of the worker.
    if (type === "step") firstStepSeconds ??= performance.now() / 1000;
  },
});
const names = [];
for await (const { top } of predict(await loadModel(checkpoint), ["photos/test/red/0.png"]))
  names.push(top[0].name);
const figures = { importSeconds, firstStepSeconds, loss: loss.item(), gradient, names };
console.log(JSON.stringify({ ...figures, checkpoint: existsSync(checkpoint) }));
