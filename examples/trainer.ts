import { DataLoader, ImageFolder, smallResNet, Trainer } from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";

// Folders with one sub-folder of images per class.
const [train = "photos/train", test = "photos/test"] = process.argv.slice(2);
const images = await ImageFolder.open(train);
const heldOut = await ImageFolder.open(test, { classes: images.classes });

const transforms = [resize(64), normalize()];
const info = { classNames: images.classes, transforms };
const model = smallResNet({ classes: images.classes.length, channelsPerClass: 3, info });

const batches = new DataLoader(images, { batchSize: 8, shuffle: true, dropLast: true, transforms });
const validation = new DataLoader(heldOut, { batchSize: 8, transforms });

const trainer = new Trainer(model, { epochs: 10, loss: { alpha: 1.5, beta: 1 }, output: "runs/first" });
for await (const event of trainer.fit(batches, { validation })) {
  if (event.type === "epoch") console.log(event.epoch, event.train.loss, event.validation?.accuracy);
}
