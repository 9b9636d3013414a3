import { Command } from "commander";
import { positiveInteger, positiveNumber } from "../arguments.js";
import { printJson } from "../format.js";
import { usageError } from "../usage-error.js";
import { recipeData, trainCommand, type TrainFlags } from "./train.js";

interface FindRateFlags extends TrainFlags {
  from?: number;
  to?: number;
  steps?: number;
}

/** Options of mcloss train that belong to a run, or to a training's end. */
const NOT_SHARED = [
  ...[
    "out",
    "overwrite",
    "resume",
    "continue",
    "seeds",
    "watch",
    "port",
    "tensorboard",
    "json",
    "learningRate",
    "epochs",
  ],
  ...["processes", "devices", "maxRestarts", "distributedTimeout", "monitor", "patience", "minDelta"],
];

export function findRateCommand(): Command {
  const command = new Command("find-rate").argument("<dir>", "the images, as for train");
  for (const option of trainCommand().options) {
    if (!NOT_SHARED.includes(option.attributeName())) command.addOption(option);
  }
  return command
    .option("--from <rate>", "the first rate (default: 1e-7)", positiveNumber)
    .option("--to <rate>", "the last rate (default: 10)", positiveNumber)
    .option("--steps <n>", "steps from the one to the other (default: 100)", positiveInteger)
    .option("--out <file>", "the picture that is written, as .png", "rates.png")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nA learning rate range test (Smith 2017; fastai's lr_find). Nothing of it is\n" +
        "kept; the rate that it suggests is what --learning-rate auto of train takes.\n" +
        "\nExamples:\n  mcloss find-rate photos --model resnet18\n" +
        "  mcloss find-rate photos --model mobilenet_v2 --weights imagenet --out rates.png",
    )
    .action(findRate);
}

async function findRate(dir: string, flags: FindRateFlags, command: Command): Promise<void> {
  const { replaceWith } = await import("../../io/replace-file.js");
  const { prepareRecipe } = await import("../../recipes/train-recipe.js");
  const { renderRateChart, writeRate } = await import("../../pictures/rate-chart.js");
  const { chooseRecipe } = await import("../train-folder.js");
  const { interruptSignal } = await import("../interrupt.js");
  const { printLine, startProgress } = await import("../progress.js");
  const { consoleReporter } = await import("../setup-reporter.js");
  const { recipe: name, set = [], from, to, steps, device, out, json } = flags;
  const recipe = await chooseRecipe(name, flags, set).catch((error: unknown) => usageError(error, command));
  const signal = interruptSignal();
  const options = { ...recipeData(dir, flags), device, signal, reporter: consoleReporter() };
  using training = await prepareRecipe({ ...recipe, findRate: false }, options);
  for (const note of training.notes) printLine(`note: ${note}`);
  let progress: ReturnType<typeof startProgress> | undefined;
  const onStep = (done: number, total: number, loss: number) => {
    progress ??= startProgress("rates", total);
    progress.update(done, [`loss ${loss.toPrecision(3)}`]);
  };
  const found = await training.trainer
    .findRate(training.train, { from, to, steps, signal, onStep })
    .finally(() => progress?.stop());
  await replaceWith(out, await renderRateChart(found));
  if (json) return printJson({ picture: out, ...found });
  const { valley, steepest, minimum } = found.suggestions;
  const others = `steepest ${writeRate(steepest)}, a tenth of the lowest loss's ${writeRate(minimum)}`;
  const end = found.diverged ? "" : "; the loss did not explode: --to a higher rate may find a higher one";
  process.stdout.write(
    `learning rate ${writeRate(valley)} (${others}${end})\npicture ${out}\n` +
      `next mcloss train with --learning-rate ${writeRate(valley)}, or auto\n`,
  );
}
