import { Command, Option } from "commander";
import { positiveInteger, positiveNumber } from "#lib/cli/arguments.js";
import { interruptSignal } from "#lib/cli/interrupt.js";
import { native } from "#lib/native/binding.js";
import {
  budgetOption,
  deadlineOf,
  epochsOption,
  imagesOption,
  imageSizeOption,
  listOf,
  oneOf,
  seedsOption,
  type TrainingFlags,
} from "../command-options.js";
import { pictureAt } from "../pictures.js";
import { ARM_NAMES, type ArmName } from "./arms.js";
import { drawCurves } from "./curves.js";
import { measureGradients } from "./gradients.js";
import { bestTested, STAGES, type Stage } from "./plan.js";
import { SCRATCH_RESULTS } from "./results.js";
import { planScratch, studyScratch } from "./run.js";

const STAGE_NAMES = Object.keys(STAGES) as Stage[];
const RECIPE = "cub200-resnet18";
const SETS = ["cub50", "cub100", "cub200"];

/** The paper's recipe scaled down, its curves and its gradients. */
export function scratchCommands(): Command[] {
  return [...SETS.map(scratchCommand), curvesCommand(), gradientsCommand()];
}

interface ScratchFlags extends TrainingFlags {
  images: string;
  stage: readonly Stage[];
  arms?: readonly ArmName[];
  epochs: number;
  rateEpochs?: number;
  learningRate?: number;
  imageSize: number;
  precision: "float32" | "bfloat16";
  recipe: string;
  out: string;
  plan?: boolean;
}

function scratchCommand(set: string): Command {
  return new Command(`${set}-scratch`)
    .description(`train the paper's recipe ${RECIPE}, scaled down, on ${set}; first print what that costs`)
    .addOption(imagesOption())
    .addOption(
      new Option("--stage <list>", STAGE_NAMES.join(", "))
        .argParser(listOf(oneOf(STAGE_NAMES)))
        .default(STAGE_NAMES, "all"),
    )
    .option("--arms <list>", `of ${ARM_NAMES.join(", ")}`, listOf(oneOf(ARM_NAMES)))
    .addOption(seedsOption())
    .addOption(epochsOption(60))
    .option("--rate-epochs <n>", "of the trials of rates, where not --epochs", positiveInteger)
    .option("--learning-rate <n>", "of all, where not what the trials of rates choose", positiveNumber)
    .addOption(imageSizeOption(96))
    .addOption(new Option("--precision <name>").choices(["float32", "bfloat16"]).default("float32"))
    .option("--recipe <name>", "one that is built in", RECIPE)
    .addOption(budgetOption())
    .option("--out <dir>", "holds a folder for each run", "runs/study")
    .option("--plan", "only print what it costs")
    .action(async ({ stage, plan = false, ...flags }: ScratchFlags) => {
      const options = { ...flags, set, stages: stage, deadline: deadlineOf(flags) };
      if (plan) {
        await planScratch(options);
        return;
      }
      native().threads(1);
      await studyScratch(options, interruptSignal());
    });
}

function curvesCommand(): Command {
  return new Command("curves")
    .description("draw docs/images/curves.png from the results of a study from scratch")
    .option("--name <set>", "whose results", "cub100")
    .option("--epochs <n>", "of these runs alone", positiveInteger)
    .addOption(seedsOption())
    .action(drawTested);
}

interface CurvesFlags {
  name: string;
  epochs?: number;
  seeds: readonly number[];
}

async function drawTested({ name, epochs, seeds: [seed] }: CurvesFlags): Promise<void> {
  const tests = SCRATCH_RESULTS.read().filter(
    (run) => run.stage === "test" && run.set === name && (epochs === undefined || run.epochs === epochs),
  );
  const runs = ARM_NAMES.flatMap((arm) => bestTested(tests.filter((run) => run.arm === arm))).filter(
    (run) => run.seed === seed,
  );
  if (runs.length === 0) throw new Error(`nothing of ${name} has been tested with seed ${seed}`);
  await drawCurves(pictureAt("curves.png"), runs);
}

interface GradientsFlags {
  images: string;
  name: string;
  recipe: string;
  imageSize: readonly number[];
  checkpoints: readonly (readonly [string, string])[];
}

function gradientsCommand(): Command {
  return new Command("gradients")
    .description("measure how hard each term pulls, of new networks and of checkpoints")
    .addOption(imagesOption())
    .requiredOption("--name <set>", "what the images are called in the results")
    .option("--recipe <name>", "one that is built in", RECIPE)
    .addOption(
      new Option("--image-size <list>", "of new networks, in pixels")
        .argParser(listOf(positiveInteger))
        .default([], "none"),
    )
    .addOption(
      new Option("--checkpoints <list>", "as NAME=FILE").argParser(listOf(namedFile)).default([], "none"),
    )
    .action(async ({ name, imageSize, checkpoints, ...flags }: GradientsFlags) => {
      native().threads(1);
      const options = { ...flags, set: name, imageSizes: imageSize, checkpoints: new Map(checkpoints) };
      await measureGradients(options);
    });
}

function namedFile(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new Error(`It takes NAME=FILE, separated by commas, not "${text}".`);
}
