import { Command, Option } from "commander";
import { nonNegativeInteger, nonNegativeNumber, positiveInteger } from "../arguments.js";
import type { TrainFolderOptions } from "../train-folder.js";

export function trainCommand(): Command {
  return new Command("train")
    .description("train a classifier on a folder with one sub-folder of images per class")
    .argument("<dir>", "the training images; or a folder with train/ and val/ (or test/) in it")
    .option("--validation <dir>", "held-out images, with the same sub-folders")
    .addOption(
      new Option("--model <name>", "the network")
        .choices(["small-resnet", "resnet18", "resnet50", "vgg16"])
        .default("small-resnet"),
    )
    .addOption(
      new Option("--loss <name>", "MC-Loss or cross-entropy alone").choices(["mc", "ce"]).default("mc"),
    )
    .option("--alpha <weight>", "weight of the discriminality component", nonNegativeNumber, 1.5)
    .option("--beta <weight>", "weight of the diversity component", nonNegativeNumber, 20)
    .option("--channels-per-class <n>", "feature channels that each class owns", positiveInteger, 3)
    .option(
      "--image-size <pixels>",
      "side of the network's input (default: the network's own)",
      positiveInteger,
    )
    .option("--epochs <n>", "passes over the training images", positiveInteger, 100)
    .option("--batch-size <n>", "images per step", positiveInteger, 32)
    .option("--learning-rate <rate>", "at the start, after the warm-up", nonNegativeNumber, 0.05)
    .option("--seed <n>", "of the weights, the order, the augmentation and the masks", nonNegativeInteger, 0)
    .addOption(
      new Option("--augment <level>", "random changes to the training images")
        .choices(["none", "flip", "strong"])
        .default("flip"),
    )
    .addOption(
      new Option("--on-bad-image <policy>", "what an unreadable image does")
        .choices(["error", "skip"])
        .default("error"),
    )
    .option("--out <dir>", "folder for the checkpoints", "runs/latest")
    .option("--json", "print one JSON object per epoch and a last one with the result")
    .addHelpText(
      "after",
      "\nExamples:\n  mcloss train photos --model resnet18 --epochs 200\n" +
        "  mcloss train photos/train --validation photos/test --loss ce --out runs/baseline",
    )
    .action(async (dir: string, flags: Omit<TrainFolderOptions, "dir">) => {
      const { trainFolder } = await import("../train-folder.js");
      await trainFolder({ dir, ...flags });
    });
}
