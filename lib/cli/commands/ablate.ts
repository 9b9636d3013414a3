import { Command, Option } from "commander";
import { seedList } from "../arguments.js";
import { printJson } from "../format.js";
import { usageError } from "../usage-error.js";
import { recipeData, trainCommand, type TrainFlags } from "./train.js";

type AblateFlags = TrainFlags & { seeds: number[]; losses?: string[] };

/** Options of mcloss train in which the runs differ, or that belong to one run. */
const NOT_SHARED = [
  "loss",
  "seed",
  "seeds",
  "out",
  "overwrite",
  "resume",
  "json",
  "watch",
  "port",
  "tensorboard",
];

export function ablateCommand(): Command {
  const command = new Command("ablate").argument("<dir>", "the images, as for train");
  for (const option of trainCommand().options) {
    if (!NOT_SHARED.includes(option.attributeName())) command.addOption(option);
  }
  return command
    .addOption(
      new Option("--seeds <list>", "each row's seeds, separated by commas")
        .argParser(seedList)
        .default([0, 1, 2], "0,1,2"),
    )
    .option(
      "--losses <list>",
      "other rows, separated by commas: names of losses, as mc,ce,pairwise-confusion",
      (text: string) => text.split(",").map((name) => name.trim()),
    )
    .option("--out <dir>", "holds a folder for each run; what is finished in it is kept", "runs/ablation")
    .option("--json", "print the comparison as JSON")
    .addHelpText(
      "after",
      "\nRows: ce, mc, no-cwa (all channels kept), ccap (mean for max),\n" +
        "no-diversity (β 0), no-discriminality (α 0).\n" +
        "With --losses they are the losses named: any of --loss, in this form too:\n" +
        "gradient-boosting; center; and the rows above. rank is the mean place among\n" +
        "them over the seeds.\n" +
        "The runs' folders are OUT/ROW/seed-N.\n" +
        "Started again with the same options it goes on where it was.\n" +
        "\nExample:\n  mcloss ablate photos --epochs 50 --seeds 0,1,2,3,4 --out runs/ablation\n" +
        "  mcloss ablate photos --losses ce,mc,pairwise-confusion,arc-face --seeds 0..4",
    )
    .action(ablateFolder);
}

async function ablateFolder(dir: string, flags: AblateFlags, command: Command): Promise<void> {
  const { ablate } = await import("../../compare/ablate.js");
  const { comparisonTable } = await import("../../compare/comparison-table.js");
  const { isChannelLoss } = await import("../../train/losses.js");
  const { chooseRecipe, trainRun } = await import("../train-folder.js");
  const { interruptSignal } = await import("../interrupt.js");
  const { printLine } = await import("../progress.js");
  const { lossRows } = await import("../loss-rows.js");
  const { checkLoss } = await import("../../recipes/check-loss.js");
  const { recipe: name, set = [], seeds, losses: names, device, out, json } = flags;
  const recipe = await chooseRecipe(name, flags, set).catch((error: unknown) => usageError(error, command));
  const { loss: whole } = recipe;
  if (!names && !isChannelLoss(whole))
    command.error("error: ablate takes parts of MC-Loss: the recipe's loss must be it, or give --losses");
  const rows = await Promise.resolve()
    .then(() => names && lossRows(names, recipe))
    .catch((error: unknown) => usageError(error, command));
  // Before what takes long: a row that the network cannot have.
  for (const loss of Object.values(rows ?? {})) checkLoss({ ...recipe, loss });
  const data = recipeData(dir, flags);
  const signal = interruptSignal();
  const comparison = await ablate({
    seeds,
    output: out,
    loss: isChannelLoss(whole) ? whole : undefined,
    losses: rows,
    settings: { ...data, recipe },
    train: async ({ name: row, loss, seed, output, resume }) => {
      printLine(`${row}, seed ${seed}`);
      await trainRun({ ...recipe, loss, seed }, { ...data, device, output, signal, resume });
    },
  });
  if (json) return printJson(comparison);
  process.stdout.write(`${comparisonTable(comparison, process.stdout.columns)}\n`);
}
