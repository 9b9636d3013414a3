import { Command, Option } from "commander";
import { nonNegativeInteger, positiveInteger } from "#lib/cli/arguments.js";
import { demo } from "./demo.js";

export function demoCommand(): Command {
  return new Command("demo")
    .addOption(
      new Option(
        "--epochs <n>",
        "passes over the training images (default: 100, or as many as some minutes have time for)",
      ).argParser(positiveInteger),
    )
    .option("--images <dir>", "train on these photographs: a folder for each class, or a published set")
    .option("--seed <n>", "of everything random", nonNegativeInteger, 0)
    .addOption(new Option("--split <name>", "which designers are held out").choices(["A", "B"]).default("A"))
    .addOption(
      new Option("--pooling <name>", "how the classifier pools the features")
        .choices(["avg", "max"])
        .default("avg"),
    )
    .option("--data <dir>", "where the images are drawn", "data/emoji-faces")
    .option("--out <dir>", "folder for checkpoints and the picture", "runs/demo")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  mcloss demo\n  mcloss demo --split B --seed 1\n  mcloss demo --images data/CUB_200_2011",
    )
    .action(demo);
}
