import { join } from "node:path";
import { Command, Option } from "commander";
import { positiveInteger, seedList } from "../arguments.js";
import { printJson } from "../format.js";
import { usageError } from "../usage-error.js";
import { recipeData, trainCommand, type TrainFlags } from "./train.js";

interface ReproduceFlags extends TrainFlags {
  seeds: number[];
  epochs?: number;
  imageSize?: number;
}

/** Options of mcloss train that a reproduction takes; its settings are the recipe's. */
const SHARED = [
  "set",
  "kind",
  "weights",
  "allowPartial",
  "allowEmpty",
  "validation",
  "batchSize",
  "precision",
  "tf32",
  "cudaGraph",
  "device",
];

export function reproduceCommand(): Command {
  const command = new Command("reproduce")
    .argument("<recipe>", "the name of a recipe with MC-Loss (mcloss recipes lists them), or a file")
    .argument("<dir>", "the images, as for train");
  for (const option of trainCommand().options) {
    if (SHARED.includes(option.attributeName())) command.addOption(option);
  }
  return command
    .addOption(
      new Option("--seeds <list>", "separated by commas, or as 0..2")
        .argParser(seedList)
        .default([0, 1, 2], "0..2"),
    )
    .addOption(
      new Option("--epochs <n>", "scale the recipe, with its schedule, to so many").argParser(
        positiveInteger,
      ),
    )
    .addOption(
      new Option("--image-size <pixels>", "scale the recipe to a network input of this side").argParser(
        positiveInteger,
      ),
    )
    .option("--out <dir>", "holds a folder for each recipe; what is finished in it is kept", "runs/reproduce")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nTrains with cross-entropy, on the network without its widening, and with\n" +
        "MC-Loss, and prints the last and the best epoch's accuracy beside what is\n" +
        "published for the recipe. OUT/RECIPE gets table.md, .tex, .csv and .json;\n" +
        "the runs are OUT/RECIPE/LOSS/seed-N.\n" +
        "Started again with the same options it goes on where it was.\n" +
        "\nExamples:\n  mcloss reproduce cub200-resnet18 data/CUB_200_2011 --seeds 0..2\n" +
        "  mcloss reproduce cub200-resnet18 photos --kind folder --epochs 20 --image-size 96",
    )
    .action(reproduceRecipe);
}

async function reproduceRecipe(
  name: string,
  dir: string,
  flags: ReproduceFlags,
  command: Command,
): Promise<void> {
  const { reproduce } = await import("../../compare/reproduce.js");
  const { isChannelLoss } = await import("../../train/losses.js");
  const { scaleRecipe } = await import("../../recipes/scale.js");
  const { chooseRecipe, trainRun } = await import("../train-folder.js");
  const { interruptSignal } = await import("../interrupt.js");
  const { printLine } = await import("../progress.js");
  const { writeReproduction } = await import("../../compare/reproduction-table.js");
  const { set = [], seeds, epochs, imageSize: inputSize, device, out, json, ...rest } = flags;
  const recipe = await chooseRecipe(name, rest, set)
    .then((chosen) => scaleRecipe(chosen, { epochs, inputSize }))
    .catch((error: unknown) => usageError(error, command));
  if (!isChannelLoss(recipe.loss)) command.error(`error: ${name} has no MC-Loss to reproduce`);
  const output = join(out, recipe.name);
  const data = recipeData(dir, flags);
  const signal = interruptSignal();
  const reproduction = await reproduce({
    seeds,
    output,
    recipe,
    settings: { ...data },
    train: async ({ name: loss, recipe: own, output, resume }) => {
      printLine(`${loss}, seed ${own.seed}`);
      await trainRun(own, { ...data, device, output, signal, resume });
    },
  });
  const table = await writeReproduction(output, reproduction);
  if (json) printJson(reproduction);
  else process.stdout.write(`${table}\n`);
}
