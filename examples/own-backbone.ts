import { ChannelGroups, DataLoader, ImageFolder, Model, Trainer } from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { torchscript } from "mutual-channel-loss/models";
import { zeros } from "mutual-channel-loss/tensor";

// A file of torch.jit.save (it is code: load only those whose author you trust), the submodule whose output is the
// features, and a folder with one sub-folder of images per class.
const [file = "small.pt", submodule = "layer1", folder = "photos/train"] = process.argv.slice(2);
const images = await ImageFolder.open(folder);
const classes = images.classes.length;
const transforms = [resize(64), normalize()];

const { spec, channels } = await inspect();
const model = new Model(
  {
    ...spec,
    name: "own-backbone",
    classes,
    groups: ChannelGroups.split(channels, classes).blocks,
    layers: [
      { type: "torchscript", name: "backbone", path: file, output: submodule },
      { type: "adaptiveAvgPool2d", name: "pool", outputSize: 1 },
      { type: "flatten", name: "flatten" },
      { type: "linear", name: "head", inFeatures: channels, outFeatures: classes },
    ],
    features: "backbone",
  },
  { info: { classNames: images.classes, transforms } },
);

const batches = new DataLoader(images, { batchSize: 8, shuffle: true, dropLast: true, transforms });
const trainer = new Trainer(model, {
  epochs: 5,
  loss: { alpha: 1.5, beta: 10 },
  output: "runs/own-backbone",
});
for await (const event of trainer.fit(batches)) {
  if (event.type === "epoch") console.log(event.epoch, event.train.loss);
}

/** How many channels the features have. */
async function inspect() {
  const whole = await torchscript(file, { features: submodule, inputSize: 64 });
  const { features } = await whole.eval().forward(zeros([1, 3, 64, 64]));
  whole.dispose();
  return { spec: whole.spec, channels: features.shape[1] ?? 0 };
}
