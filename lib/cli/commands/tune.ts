import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import type { TuneRange, TuneSpace } from "../../compare/tune.js";
import { nonNegativeInteger, positiveInteger } from "../arguments.js";
import { printJson } from "../format.js";
import { usageError } from "../usage-error.js";
import { recipeData, trainCommand, type TrainFlags } from "./train.js";

interface TuneFlags extends TrainFlags {
  vary: TuneSpace;
  trials?: number;
  halving?: number;
  firstEpochs?: number;
  searchSeed?: number;
}

/** Options of mcloss train that belong to one run. */
const NOT_SHARED = [
  ...["seeds", "out", "overwrite", "resume", "continue", "json", "watch", "port", "tensorboard"],
  ...["processes", "devices", "maxRestarts", "distributedTimeout"],
];

export function tuneCommand(): Command {
  const command = new Command("tune").argument("<dir>", "the images, as for train");
  for (const option of trainCommand().options) {
    if (!NOT_SHARED.includes(option.attributeName())) command.addOption(option);
  }
  return command
    .requiredOption(
      "--vary <key=values>",
      "a key of the recipe and its values: a,b,c, or a range low..high or log:low..high; may be given again",
      (text: string, earlier: TuneSpace | undefined) => ({ ...earlier, ...parseVariation(text) }),
    )
    .option(
      "--trials <n>",
      "draw so many (default: all combinations, where there are no ranges)",
      positiveInteger,
    )
    .option(
      "--halving <n>",
      "the best of so many go on, for so many times the epochs; 1: all (default: 3)",
      positiveInteger,
    )
    .option(
      "--first-epochs <n>",
      "epochs that all are trained (default: a ninth of --epochs)",
      positiveInteger,
    )
    .option("--search-seed <n>", "of what is drawn (default: 0)", nonNegativeInteger)
    .option("--out <dir>", "holds a folder for each trial; what is done in it is kept", "runs/tune")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nTrials are judged on the images of --validation, on the data set's own validation\n" +
        "part or, without either, on a fifth of the training images; never on a test part.\n" +
        "OUT gets table.md, .tex, .csv and .json, and best.json, a recipe for --recipe.\n" +
        "Started again with the same options it goes on where it was.\n" +
        "\nExamples:\n  mcloss tune photos --vary optimizer.learningRate=log:0.001..0.1 --trials 9\n" +
        "  mcloss tune photos --vary loss.alpha=0.5,1.5 --vary loss.beta=1,5,20 --epochs 27",
    )
    .action(tuneFolder);
}

function parseVariation(text: string): TuneSpace {
  const at = text.indexOf("=");
  if (at < 1 || at === text.length - 1) {
    throw new InvalidArgumentError("It must be as optimizer.learningRate=0.01,0.1.");
  }
  return { [text.slice(0, at)]: parseRange(text.slice(at + 1)) };
}

function parseRange(text: string): TuneRange {
  const [, log, low = "", high = ""] = /^(log:)?([^,]+?)\.\.([^,]+)$/.exec(text) ?? [];
  if (low !== "" && high !== "") {
    const [from, to] = [Number(low), Number(high)];
    if (from < to) return { low: from, high: to, log: log !== undefined };
    throw new InvalidArgumentError("A range is as 0.001..0.1, or log:0.001..0.1.");
  }
  if (text.startsWith("[")) return parseValue(text) as readonly unknown[];
  return text.split(",").map(parseValue);
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

const FOLDS = 5;

async function tuneFolder(dir: string, flags: TuneFlags, command: Command): Promise<void> {
  const { tune } = await import("../../compare/tune.js");
  const { tuningTable } = await import("../../compare/tuning-table.js");
  const { writeTableFiles } = await import("../../compare/write-table.js");
  const { openTrainingSets } = await import("../../data/training-sets.js");
  const { replaceWith } = await import("../../io/replace-file.js");
  const { chooseRecipe, trainRun } = await import("../train-folder.js");
  const { interruptSignal } = await import("../interrupt.js");
  const { printLine } = await import("../progress.js");
  const {
    recipe: name,
    set = [],
    vary,
    trials,
    halving,
    firstEpochs,
    searchSeed: seed,
    device,
    out,
    json,
  } = flags;
  const chosen = await chooseRecipe(name, flags, set).catch((error: unknown) => usageError(error, command));
  const recipe = { ...chosen, monitor: chosen.monitor ?? ("accuracy" as const) };
  const data = recipeData(dir, flags);
  const { chooses } = await openTrainingSets({ ...recipe.dataset, ...data });
  const fold = chooses ? undefined : { number: 1, of: FOLDS, seed: recipe.seed };
  if (fold) printLine(`note: trials are judged on a fifth of the training images`);
  const signal = interruptSignal();
  const tuning = await tune({
    recipe,
    space: vary,
    trials,
    halving,
    firstEpochs,
    seed,
    output: out,
    settings: { ...data, fold },
    train: async ({ trial, values, recipe: own, until, output, resume }) => {
      const told = Object.entries(values).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
      printLine(`trial ${trial}: ${told.join(", ")}`);
      await trainRun(own, { ...data, fold, device, output, signal, resume, until });
    },
  });
  const text = await writeTableFiles(out, tuningTable(tuning, recipe.name), tuning);
  const { best } = tuning;
  if (best) await replaceWith(join(out, "best.json"), `${JSON.stringify(best, null, 2)}\n`);
  if (json) return printJson(tuning);
  process.stdout.write(
    `${text}\n${best ? `\nnext mcloss train with --recipe ${join(out, "best.json")}\n` : ""}`,
  );
}
