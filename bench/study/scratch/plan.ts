import { maximum } from "#lib/extremes.js";
import { ABLATED, COMPARED, type ArmName } from "./arms.js";
import type { ScratchResult, ScratchRun } from "./results.js";

/** What the study is made of, in the order in which it is run. */
export const STAGES = {
  rates: "each learning rate for each loss, on four fifths of the training images, judged by the others",
  test: "every seed on all training images",
  half: "one seed on half of the training images",
  long: "one seed, twice the epochs",
  ablations: "one seed: parts of MC-Loss left out, α and β over a decade each way",
} as const;

export type Stage = keyof typeof STAGES;

export const RATES = [0.003, 0.01, 0.03, 0.1, 0.3] as const;
/** What the recipe has, for a loss of which not all rates have been tried. */
const RELEASED_RATE = 0.1;
const RATES_SEED = 100;

/** What is trained: which stages, and what all runs of it share. */
export interface Plan extends Pick<ScratchRun, "set" | "recipe" | "epochs" | "imageSize" | "precision"> {
  stages: readonly Stage[];
  /** Of the stages that are of one seed the first. */
  seeds: readonly number[];
  /** The rows of the tests, of which rates are searched for those compared. Default: the compared ones and β 1. */
  arms?: readonly ArmName[];
  /** Of the trials of rates. Default: those of the tests. */
  rateEpochs?: number;
}

const SEARCHED = Object.keys(COMPARED) as (keyof typeof COMPARED)[];

/** The runs of a stage. Each loss has the rate that its trials chose, an ablation that of MC-Loss. */
export function listRuns(plan: Plan, stage: Stage, results: readonly ScratchResult[]): ScratchRun[] {
  const { set, recipe, epochs, imageSize, precision, seeds, arms = [...SEARCHED, "beta-1"] } = plan;
  const { rateEpochs = epochs } = plan;
  const [first = 0] = seeds;
  const ablated = (Object.keys(ABLATED) as ArmName[]).filter((arm) => !arms.includes(arm));
  const run = (arm: ArmName, seed: number, other: Partial<ScratchRun> = {}): ScratchRun => ({
    ...{ set, recipe, stage, arm, epochs, imageSize, precision },
    ...{ learningRate: chooseRate(plan, arm, results), seed, ...other },
  });
  switch (stage) {
    case "rates":
      return RATES.flatMap((learningRate) =>
        SEARCHED.filter((arm) => arms.includes(arm)).map((arm) =>
          run(arm, RATES_SEED, { learningRate, epochs: rateEpochs }),
        ),
      );
    case "test":
      return seeds.flatMap((seed) => arms.map((arm) => run(arm, seed)));
    case "half":
      return arms.map((arm) => run(arm, first));
    case "long":
      return arms.map((arm) => run(arm, first, { epochs: 2 * epochs }));
    case "ablations":
      return ablated.map((arm) => run(arm, first));
  }
}

/** What runs share whose rates are chosen by the same trials. */
type Settings = Pick<ScratchRun, "set" | "recipe" | "epochs" | "imageSize" | "precision">;

/** Of equal ones the first. */
export function chooseRate(settings: Settings, arm: ArmName, results: readonly ScratchResult[]): number {
  const searched = arm in COMPARED ? arm : "mc";
  const own = trialsOf(settings, results).filter((trial) => trial.arm === searched);
  if (own.length < RATES.length) return RELEASED_RATE;
  own.sort((a, b) => a.learningRate - b.learningRate);
  return own.reduce((best, next) => (next.accuracy > best.accuracy ? next : best)).learningRate;
}

/** Those of as many epochs as the runs have, or else of the most below it. */
export function trialsOf(settings: Settings, results: readonly ScratchResult[]): ScratchResult[] {
  const trials = results.filter(
    (result) =>
      result.stage === "rates" &&
      result.set === settings.set &&
      result.recipe === settings.recipe &&
      result.epochs <= settings.epochs &&
      result.imageSize === settings.imageSize &&
      result.precision === settings.precision,
  );
  const epochs = maximum(trials.map((trial) => trial.epochs));
  return trials.filter((trial) => trial.epochs === epochs);
}

/** The trials, and of the other runs those with the rates that are chosen by now: some were run before all had been tried. */
export function withChosenRates(results: readonly ScratchResult[]): ScratchResult[] {
  return results.filter(
    (run) =>
      run.stage === "rates" ||
      run.learningRate === chooseRate({ ...run, epochs: plannedEpochs(run) }, run.arm, results),
  );
}

/** Those of the plan that a run is of. */
export function plannedEpochs({ stage, epochs }: Pick<ScratchRun, "stage" | "epochs">): number {
  return stage === "long" ? epochs / 2 : epochs;
}

/** Of one core for a multiply-accumulate of the network in training, with its share of the evaluation, as first measured. */
const SECONDS_PER_MAC = 5.7e-11;

/** By what such runs took for each multiply-accumulate, where there are any. */
export function estimateSeconds(
  run: ScratchRun,
  { images, macs }: { images: number; macs: number },
  results: readonly ScratchResult[],
): number {
  const known = results
    .filter(({ precision, imageSize }) => precision === run.precision && imageSize === run.imageSize)
    .map(({ seconds, epochs, images: { train }, macs }) => seconds / (epochs * train * macs))
    .sort((a, b) => a - b);
  const each = known[Math.floor(known.length / 2)] ?? SECONDS_PER_MAC;
  return each * macs * run.epochs * imagesOf(run, images);
}

/** How many of so many training images are trained on. */
export function imagesOf({ stage }: ScratchRun, images: number): number {
  if (stage === "rates") return Math.round((images * 4) / 5);
  return stage === "half" ? Math.round(images / 2) : images;
}
