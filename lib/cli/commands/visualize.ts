import { Command, Option } from "commander";
import { kindOption, partialOption, trustOption } from "../dataset-options.js";
import { addLimitFlags } from "../limit-flags.js";
import { nonNegativeInteger } from "../arguments.js";
import { BACKGROUNDS } from "../../visualize/background.js";
import type { VisualizeFlags } from "../visualize.js";

export function visualizeCommand(): Command {
  const command = new Command("visualize")
    .argument("<model>", "a run's folder, such as runs/birds, or a checkpoint")
    .argument("[images...]", "image files, and folders that are searched for images at any depth")
    .option("--out <dir>", "folder for the pictures", "pictures")
    .option("--class <name>", "the class to show (default: the predicted one; with --by-class all)")
    .option("--rivals <n>", "other classes to show below it, the most probable first", nonNegativeInteger, 1)
    .option("--compare <model>", "another model of the same classes, to show beside it")
    .option("--by-class <dir>", "a data set: for each class the images that excite its channels most")
    .addOption(
      new Option("--background <what>", "what the maps are drawn over: the image, or none of it")
        .choices(BACKGROUNDS)
        .default("image"),
    )
    .addOption(kindOption())
    .addOption(partialOption())
    .addOption(trustOption());
  return addLimitFlags(command)
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  mcloss visualize runs/birds robin.jpg wren.jpg --out pictures\n" +
        "  mcloss visualize runs/birds robin.jpg --class wren --compare runs/birds-ce\n" +
        "  mcloss visualize runs/birds --by-class photos/test --class robin",
    )
    .action(async (model: string, images: string[], flags: VisualizeFlags, command: Command) => {
      if (images.length === 0 && flags.byClass === undefined) {
        command.error("error: give images, or --by-class with a data set");
      }
      const { visualize } = await import("../visualize.js");
      await visualize(model, images, flags);
    });
}
