import { Command, Option } from "commander";
import type { Device } from "../../native/dtype.js";
import type { RecipeData } from "../../recipes/recipe-training.js";
import { seedList } from "../arguments.js";
import { deviceOption, emptyOption, partialOption } from "../dataset-options.js";
import { addProcessOptions, wantsSupervisor, type ProcessFlags } from "../process-options.js";
import { addRecipeFlags, givenFlags } from "../recipe-flags.js";
import { usageError } from "../usage-error.js";
import { portOption, watchOption, withWatch, type WatchFlags } from "../watch.js";

export interface TrainFlags extends WatchFlags, ProcessFlags, Record<string, unknown> {
  recipe?: string;
  set?: string[];
  validation?: string;
  allowPartial?: boolean;
  allowEmpty?: boolean;
  device: Device | "auto";
  out: string;
  overwrite?: boolean;
  resume?: string;
  continue?: boolean;
  seeds?: number[];
  tensorboard?: string | true;
  json?: boolean;
}

export function trainCommand(): Command {
  const command = new Command("train")
    .argument(
      "[dir]",
      "the images, maybe in train/ and val/ (or valid/, test/); a published set; a manifest; or shards: .tar or .parquet, on a server too",
    )
    .option(
      "--recipe <name>",
      "all settings: the name of a recipe (mcloss recipes lists them), or a .json or .yaml file",
    )
    .option(
      "--set <key=value>",
      "change a value of the recipe, such as optimizer.momentum=0.8; may be given again",
      (assignment: string, earlier: string[] | undefined) => [...(earlier ?? []), assignment],
    )
    .addOption(partialOption())
    .addOption(emptyOption())
    .option(
      "--validation <dir>",
      "held-out images that choose the best checkpoint, with the same sub-folders",
    );
  addRecipeFlags(command).addOption(deviceOption());
  return addProcessOptions(command)
    .option("--out <dir>", "the run's folder", "runs/latest")
    .option("--overwrite", "delete the run that this folder holds already; without it that is an error")
    .option(
      "--resume <dir>",
      "go on with the run in this folder, with its own recipe; with other --epochs, too",
    )
    .option(
      "--continue",
      "go on with the run in --out where there is one of the same recipe and images; else begin it",
    )
    .addOption(
      new Option(
        "--seeds <list>",
        "train with each seed, as 0..4 or 0,1,2, in folders of --out, and write one table; started again it goes on",
      )
        .argParser(seedList)
        .conflicts([
          "seed",
          "overwrite",
          "resume",
          "continue",
          "watch",
          "tensorboard",
          "processes",
          "devices",
          "maxRestarts",
        ]),
    )
    .option("--tensorboard [dir]", "write event files for TensorBoard (default: in the run's folder)")
    .addOption(watchOption("serve a page on this machine that shows the run as it trains"))
    .addOption(portOption())
    .option("--json", "print one JSON object per epoch and a last one with the result")
    .addHelpText(
      "after",
      `\nThe defaults are of the recipe "default"; with --recipe they are that recipe's.\n` +
        "\nExamples:\n  mcloss train photos --model resnet18 --epochs 200\n" +
        "  mcloss train photos/train --validation photos/test --loss ce --out runs/baseline\n" +
        "  mcloss train data/CUB_200_2011 --recipe cub200-resnet50 --weights imagenet\n" +
        "  mcloss train photos --model mobilenet_v2 --weights imagenet --adapter 3\n" +
        "  mcloss train photos --recipe birds.yaml --set optimizer.learningRate=0.01\n" +
        "  mcloss train 'https://data.example/birds-{000..127}.tar' --epochs 20\n" +
        "  mcloss train --resume runs/baseline --epochs 200\n" +
        "  mcloss train photos --seeds 0..4 --out runs/five\n" +
        "  mcloss train photos --devices all --max-restarts 3",
    )
    .action(train);
}

/** What the options say of the images. */
export function recipeData(dir: string, { validation, allowPartial, allowEmpty }: TrainFlags): RecipeData {
  return {
    dir,
    validation,
    allowPartial,
    allowEmpty,
  };
}

// What only a new run has.
const NOT_WITH_RESUME = ["--recipe", "--overwrite", "--allow-partial", "--continue"];

async function train(dir: string | undefined, flags: TrainFlags, command: Command): Promise<void> {
  const { resume, recipe: name, set = [] } = flags;
  if (dir === undefined && resume === undefined) {
    command.error("error: give the images' folder, or --resume with a run's folder");
  }
  if (resume !== undefined) {
    const other = givenFlags(command).find((long) => NOT_WITH_RESUME.includes(long));
    if (other !== undefined) command.error(`error: a run goes on with its own recipe: leave out ${other}`);
  }
  const { readEnvironment } = await import("../../distributed/environment.js");
  const environment = readEnvironment();
  const supervised = wantsSupervisor(flags, environment, command);
  const { chooseRecipe, continueFolder, resumeFolder, trainFolder } = await import("../train-folder.js");
  const recipe =
    resume === undefined
      ? await chooseRecipe(name, flags, set).catch((error: unknown) => usageError(error, command))
      : undefined;
  if (flags.seeds && recipe && dir !== undefined) {
    if (environment.worldSize > 1) command.error("error: --seeds trains in one process");
    const { trainSeeds } = await import("../train-seeds.js");
    return trainSeeds(recipe, flags.seeds, {
      ...recipeData(dir, flags),
      device: flags.device,
      out: flags.out,
      json: flags.json,
    });
  }
  if (supervised) {
    const { supervise } = await import("../supervise.js");
    return supervise(flags, recipe).catch((error: unknown) => usageError(error, command));
  }
  const { asRank } = await import("../rank.js");
  const { device, distributedTimeout: timeoutSeconds } = flags;
  await asRank(environment, { device, timeoutSeconds }, async (place) => {
    const { out, overwrite = false, json = false, validation, tensorboard } = flags;
    const shown = { watch: flags.watch && environment.rank === 0, port: flags.port };
    if (resume !== undefined || !recipe || dir === undefined) {
      const run = resume ?? "";
      const options = { ...place, json, tensorboard, dir, validation, flags, assignments: set };
      return withWatch(run, shown, () => resumeFolder(run, options));
    }
    const goesOn = (flags.continue ?? false) || environment.restarts > 0;
    const options = { ...recipeData(dir, flags), ...place, out, overwrite, json, tensorboard };
    return withWatch(out, shown, () => (goesOn ? continueFolder : trainFolder)(recipe, options));
  });
}
