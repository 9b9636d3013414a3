import { existsSync } from "node:fs";
import { join } from "node:path";
import { DataLoader, Model, Trainer } from "mutual-channel-loss";
import type { ListDataset } from "mutual-channel-loss/data";
import { changeRecipe, loadRecipe, scaleRecipe, type Recipe } from "mutual-channel-loss/train";
import { evaluateLocalisation } from "mutual-channel-loss/visualize";
import { takeFold } from "#lib/data/folds.js";
import { openTrainingSets, type TrainingSets } from "#lib/data/training-sets.js";
import { maximum } from "#lib/extremes.js";
import { describeSpec } from "#lib/models/describe-spec.js";
import { completeRecipe } from "#lib/recipes/complete-recipe.js";
import { networkSpec } from "#lib/recipes/network.js";
import { trainerOptionsOf } from "#lib/recipes/trainer-keys.js";
import type { RecordedEpoch } from "#lib/run/epoch-record.js";
import { readRun } from "#lib/run/read-run.js";
import { runFiles } from "#lib/run/run-files.js";
import { trainUnfinished } from "../result-file.js";
import { rounded } from "../rounded.js";
import { versions } from "../versions.js";
import { armOf } from "./arms.js";
import { estimateSeconds, listRuns, STAGES, type Plan } from "./plan.js";
import { keyOf, SCRATCH_RESULTS, type Curve, type ScratchResult, type ScratchRun } from "./results.js";

/** What the command line says. */
export interface ScratchOptions extends Plan {
  /** A folder with train/CLASS/ and test/CLASS/, or a published set. */
  images: string;
  /** Holds a folder for each run, which goes on there where it was interrupted. */
  out: string;
  /** Milliseconds of performance.now() after which no run begins. */
  deadline: number;
}

/** Evaluations of a run. */
const EVALUATIONS = 5;
const DIVISION_SEED = 0;

/** Lists what is to be trained and what it costs, then trains it stage by stage; goes on where it was. */
export async function studyScratch(options: ScratchOptions, signal: AbortSignal): Promise<void> {
  const { out, stages, deadline } = options;
  const sets = await planScratch(options);
  for (const stage of stages) {
    await trainUnfinished(listRuns(options, stage, SCRATCH_RESULTS.read()), {
      file: SCRATCH_RESULTS,
      deadline,
      train: (run) => train(run, sets, join(out, keyOf(run)), signal),
      describe: ({ arm, learningRate, seed, accuracy, bestAccuracy, seconds }) => {
        const [last, best] = [accuracy, bestAccuracy].map((share) => (100 * share).toFixed(1));
        return `${stage}, ${arm}, rate ${learningRate}, seed ${seed}: ${last} %, best ${best} %, in ${seconds} s`;
      },
    });
  }
}

/** Lists what is to be trained, and what it costs. @returns the images */
export async function planScratch({
  images: dir,
  ...plan
}: Plan & { images: string }): Promise<TrainingSets> {
  const sets = await openTrainingSets({ dir, allowPartial: true });
  if (!sets.heldOut) throw new Error(`${dir} needs train/CLASS/ and test/CLASS/, or to be a published set`);
  const { length, classes } = sets.images;
  const results = SCRATCH_RESULTS.read();
  let total = 0;
  for (const stage of plan.stages) {
    const left = listRuns(plan, stage, results).filter((run) => !SCRATCH_RESULTS.has(run));
    let seconds = 0;
    for (const run of left) {
      const { macs } = describeSpec(networkSpec(await recipeOf(run), classes.length));
      seconds += estimateSeconds(run, { images: length, macs }, results);
    }
    total += seconds;
    console.log(`${stage}: ${left.length} runs left, some ${hours(seconds)}: ${STAGES[stage]}`);
  }
  const less = "--stage, --seeds, --arms, --epochs and --image-size take less";
  console.log(`together some ${hours(total)} of one core; ${less}`);
  return sets;
}

function hours(seconds: number): string {
  return `${(seconds / 3600).toFixed(1)} hours`;
}

/** The paper's recipe, scaled, with what the run has of its own. */
export async function recipeOf(run: ScratchRun): Promise<Recipe> {
  const { epochs, imageSize: inputSize, learningRate, precision, seed } = run;
  const scaled = scaleRecipe(await loadRecipe(run.recipe), { epochs, inputSize });
  const own = changeRecipe(scaled, armOf(run.arm).patch);
  return changeRecipe(own, { optimizer: { learningRate }, precision, seed });
}

/** What a run trains on, and what it holds out. */
export function divide(sets: TrainingSets, { stage }: ScratchRun): { train: ListDataset; held: ListDataset } {
  const part = stage === "rates" ? 5 : stage === "half" ? 2 : undefined;
  const { images, heldOut } = part ? takeFold(sets, { number: 1, of: part, seed: DIVISION_SEED }) : sets;
  const held = stage === "rates" ? heldOut : sets.heldOut;
  if (!held) throw new Error("nothing is held out");
  return { train: images, held };
}

/** Trains a run in its folder, or goes on with it there. */
export async function train(
  run: ScratchRun,
  sets: TrainingSets,
  output: string,
  signal: AbortSignal,
): Promise<ScratchResult> {
  const recipe = await recipeOf(run);
  const { train: images, held } = divide(sets, run);
  const { batchSize, dropLast, seed, precision } = recipe;
  const spec = networkSpec(recipe, images.classes.length);
  const { transforms } = completeRecipe(recipe, spec, undefined);
  const info = { classNames: images.classes, transforms: transforms.test };
  using model = await Model.create(spec, { seed, info });
  const shared = { batchSize, seed, dtype: precision };
  const loader = new DataLoader(images, {
    ...shared,
    shuffle: true,
    dropLast: dropLast && images.length > batchSize,
    transforms: transforms.train,
  });
  const validation = new DataLoader(held, { ...shared, transforms: transforms.test });
  using trainer = new Trainer(model, { ...trainerOptionsOf(recipe), output });
  await trainer.fit(loader, {
    validation,
    validateEvery: Math.max(1, Math.round(run.epochs / EVALUATIONS)),
    channelHealth: true,
    resume: existsSync(runFiles(output).info),
    signal,
  });
  const { features, macs } = describeSpec(model.spec);
  const [channels = 0, height = 0, width = 0] = features;
  return {
    ...run,
    classes: images.classes.length,
    images: { train: images.length, held: held.length },
    ...{ channels, places: height * width, macs },
    ...figuresOf((await readRun(output)).epochs),
    ...(run.stage === "rates" ? {} : await pointingOf(model, held, signal)),
    versions: versions(),
  };
}

/** What is kept of a run's epochs. */
export function figuresOf(epochs: readonly RecordedEpoch[]) {
  const last = epochs.at(-1);
  const judged = epochs.filter(({ validation }) => validation);
  if (!last?.validation || !last.channels) throw new Error("the last epoch was not evaluated");
  const accuracies = judged.map(({ validation }) => validation?.accuracy ?? 0);
  const bestAccuracy = maximum(accuracies);
  const { accuracy = NaN } = last.validation;
  const { diversity: channelDiversity, alignment, habit, ownHabit } = last.channels;
  const held = judged.map(({ validation }) => validation ?? {});
  return {
    ...rounded({ accuracy, bestAccuracy, groupAccuracy: groupsOf(last.validation) ?? 0 }),
    bestEpoch: judged[accuracies.indexOf(bestAccuracy)]?.epoch ?? 0,
    ...rounded({ trainAccuracy: last.train.accuracy ?? NaN, channelDiversity, alignment, habit, ownHabit }),
    curves: {
      train: curveOf(epochs.map(({ train }) => train)),
      held: {
        epochs: judged.map(({ epoch }) => epoch),
        ...curveOf(held),
        groupAccuracy: held.map((each) => short(groupsOf(each))),
      },
    },
    seconds: Math.round(epochs.reduce((sum, { seconds = 0 }) => sum + seconds, 0)),
  };
}

type Figures = Partial<Record<"crossEntropy" | "discriminality" | "diversity" | "accuracy", number>>;

function groupsOf(validation: object): number | undefined {
  return (validation as { groupAccuracy?: number }).groupAccuracy;
}

function curveOf(figures: readonly Figures[]): Curve {
  const of = (name: keyof Figures) => figures.map((each) => short(each[name]));
  const measured = (name: keyof Figures) => figures.some((each) => each[name] !== undefined);
  return {
    crossEntropy: of("crossEntropy"),
    ...(measured("discriminality") && { discriminality: of("discriminality") }),
    ...(measured("diversity") && { diversity: of("diversity") }),
    accuracy: of("accuracy"),
  };
}

function short(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : Number(value.toPrecision(4));
}

async function pointingOf(model: Model, held: ListDataset, signal: AbortSignal) {
  if (!held.samples.some(({ box }) => box)) return {};
  const { channels, cam } = await evaluateLocalisation(model, held, { signal });
  return rounded({ pointing: channels.pointing, camPointing: cam.pointing });
}
