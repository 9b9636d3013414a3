import { loadModel, predict, train } from "mutual-channel-loss";

const { accuracy, checkpoint } = await train({
  dir: "photos/train", // a folder of images for each class
  validation: "photos/test",
  out: "runs/first",
  epochs: 40,
  transforms: { train: "strong" }, // what images are augmented by
});
console.log("held-out accuracy:", accuracy);
for await (const { path, top } of predict(await loadModel(checkpoint), ["photos/test/red/0.png"]))
  console.log(path, top[0]?.name, top[0]?.probability);
