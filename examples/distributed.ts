import { ChannelGroups, DataLoader, ImageFolder, mcLoss, SGD, smallResNet, tidy } from "mutual-channel-loss";
import { normalize, resize, samplers } from "mutual-channel-loss/data";
import { crossEntropy, noGrad, tensor } from "mutual-channel-loss/tensor";
import { initProcessGroup } from "mutual-channel-loss/train";

// Started several times, by torchrun or with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, or once.
const group = await initProcessGroup();

const [folder = "photos/train"] = process.argv.slice(2);
const images = await ImageFolder.open(folder);
const batches = new DataLoader(images, {
  batchSize: 8 / group.worldSize,
  sampler: samplers.distributed(group.rank, group.worldSize),
  dropLast: true,
  transforms: [resize(64), normalize()],
});

const classes = images.classes.length;
const model = smallResNet({ classes, channelsPerClass: 3 });
const groups = ChannelGroups.uniform(classes, 3);
const optimizer = new SGD([{ parameters: model.parameters() }], { learningRate: 0.01, momentum: 0.9 });

// All begin with the weights of rank 0.
for (const { tensor } of model.state()) await group.broadcast(tensor);

model.train();
for (let epoch = 1; epoch <= 5; epoch += 1) {
  let sum = 0;
  for await (const batch of batches) {
    await tidy(async () => {
      const { features, logits } = await model.forward(batch.images);
      const { loss } = mcLoss(features, batch.labels, { groups, alpha: 1.5, beta: 10 });
      const total = crossEntropy(logits, batch.labels).add(loss);
      await optimizer.zeroGrad();
      await total.backward();
      await group.averageGradients(model.parameters());
      await optimizer.step();
      sum += total.item();
    });
    batch.dispose();
  }
  const mean = tensor([sum / batches.length]);
  await group.allReduce(mean, { op: "mean" });
  if (group.rank === 0) console.log(epoch, mean.item());
  mean.dispose();
}

// Each has its own running statistics; the weights are the same.
for (const { tensor, trainable } of model.state()) {
  if (!trainable && tensor.dtype === "float32") await noGrad(() => group.allReduce(tensor, { op: "mean" }));
}
await group.destroy();
