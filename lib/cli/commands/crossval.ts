import { Command, InvalidArgumentError } from "commander";
import { positiveInteger } from "../arguments.js";
import { printJson } from "../format.js";
import { usageError } from "../usage-error.js";
import { recipeData, trainCommand, type TrainFlags } from "./train.js";

type CrossvalFlags = TrainFlags & { folds: number };

/** Options of mcloss train that belong to one run, or say what is held out. */
const NOT_SHARED = [
  ...[
    "validation",
    "seeds",
    "out",
    "overwrite",
    "resume",
    "continue",
    "json",
    "watch",
    "port",
    "tensorboard",
  ],
  ...["processes", "devices", "maxRestarts", "distributedTimeout"],
];

export function crossvalCommand(): Command {
  const command = new Command("crossval").argument("<dir>", "the images, as for train");
  for (const option of trainCommand().options) {
    if (!NOT_SHARED.includes(option.attributeName())) command.addOption(option);
  }
  return command
    .option("--folds <n>", "into how many parts the images are divided", atLeastTwo, 5)
    .option("--out <dir>", "holds a folder for each part; what is finished in it is kept", "runs/crossval")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nEach part is held out once, while the others are trained on; classes are shared\n" +
        "out evenly. A test part of the data set is left alone. The runs' folders are\n" +
        "OUT/fold-N, and OUT gets table.md, .tex, .csv and .json.\n" +
        "Started again with the same options it goes on where it was.\n" +
        "\nExamples:\n  mcloss crossval photos --folds 5 --epochs 50\n" +
        "  mcloss data suspects runs/crossval photos",
    )
    .action(crossvalFolder);
}

function atLeastTwo(text: string): number {
  const value = positiveInteger(text);
  if (value > 1) return value;
  throw new InvalidArgumentError("It must be at least 2.");
}

async function crossvalFolder(dir: string, flags: CrossvalFlags, command: Command): Promise<void> {
  const { crossValidate } = await import("../../compare/cross-validate.js");
  const { describeLoss } = await import("../../compare/describe-loss.js");
  const { seriesTable } = await import("../../compare/summarize-series.js");
  const { writeTableFiles } = await import("../../compare/write-table.js");
  const { chooseRecipe, trainRun } = await import("../train-folder.js");
  const { interruptSignal } = await import("../interrupt.js");
  const { printLine } = await import("../progress.js");
  const { recipe: name, set = [], folds, device, out, json } = flags;
  const recipe = await chooseRecipe(name, flags, set).catch((error: unknown) => usageError(error, command));
  const data = recipeData(dir, flags);
  const signal = interruptSignal();
  const summary = await crossValidate({
    folds,
    seed: recipe.seed,
    output: out,
    settings: { ...data, recipe },
    train: async ({ fold, output, resume }) => {
      printLine(`part ${fold.number} of ${fold.of}`);
      await trainRun(recipe, { ...data, fold, device, output, signal, resume });
    },
  });
  const table = seriesTable(summary, `${recipe.network.name}, ${describeLoss(recipe.loss)}, cross-validated`);
  const text = await writeTableFiles(out, table, summary);
  if (json) printJson(summary);
  else process.stdout.write(`${text}\n`);
}
