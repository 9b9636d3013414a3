import { ChannelGroups, DataLoader, ImageFolder, mcLoss, SGD, smallResNet, tidy } from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { crossEntropy } from "mutual-channel-loss/tensor";

// A folder with one sub-folder of images per class.
const [folder = "photos/train"] = process.argv.slice(2);
const images = await ImageFolder.open(folder);
const batches = new DataLoader(images, {
  batchSize: 8,
  shuffle: true,
  dropLast: true,
  transforms: [resize(64), normalize()],
});

const classes = images.classes.length;
const model = smallResNet({ classes, channelsPerClass: 3 });
const groups = ChannelGroups.uniform(classes, 3);
const optimizer = new SGD([{ parameters: model.parameters() }], { learningRate: 0.01, momentum: 0.9 });

model.train();
for (let epoch = 1; epoch <= 5; epoch += 1) {
  let sum = 0;
  for await (const batch of batches) {
    // Frees what a step makes.
    await tidy(async () => {
      const { features, logits } = await model.forward(batch.images);
      const { loss } = mcLoss(features, batch.labels, { groups, alpha: 1.5, beta: 10 });
      const total = crossEntropy(logits, batch.labels).add(loss);
      await optimizer.zeroGrad();
      await total.backward();
      await optimizer.step();
      sum += total.item();
    });
    batch.dispose();
  }
  console.log(epoch, sum / batches.length);
}
