import { maximum } from "#lib/extremes.js";
import { groupBy } from "../group-by.js";
import { mean } from "../page-text.js";
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

const SETTINGS = ["set", "recipe", "epochs", "imageSize", "precision"] as const;
/** What runs share that are compared with one another. */
type Settings = Pick<ScratchRun, (typeof SETTINGS)[number]>;

/** What is trained: which stages, and what all runs of it share. */
export interface Plan extends Settings {
  stages: readonly Stage[];
  /** Of the stages that are of one seed the first. */
  seeds: readonly number[];
  /** The rows of the tests, of which rates are searched for those compared. Default: the compared ones and β 1. */
  arms?: readonly ArmName[];
  /** Of the trials of rates. Default: those of the tests. */
  rateEpochs?: number;
  /** What all have but the trials. Default: what the trials choose. */
  learningRate?: number;
}

const SEARCHED = Object.keys(COMPARED) as (keyof typeof COMPARED)[];

/**
 * The runs of a stage. In the tests each loss has the rate that its trials chose, afterwards the best of those it was tested with,
 * and an ablation that of MC-Loss.
 */
export function listRuns(plan: Plan, stage: Stage, results: readonly ScratchResult[]): ScratchRun[] {
  const { set, recipe, epochs, imageSize, precision, seeds, arms = [...SEARCHED, "beta-1"] } = plan;
  const { rateEpochs = epochs } = plan;
  const [first = 0] = seeds;
  const ablated = (Object.keys(ABLATED) as ArmName[]).filter((arm) => !arms.includes(arm));
  const run = (arm: ArmName, seed: number, learningRate: number, ofEpochs = epochs): ScratchRun => ({
    set,
    recipe,
    stage,
    arm,
    epochs: ofEpochs,
    imageSize,
    precision,
    learningRate,
    seed,
  });
  const chosen = (arm: ArmName) => plan.learningRate ?? chooseRate(plan, arm, results);
  const tested = (arm: ArmName) => plan.learningRate ?? testedRate(plan, arm, results) ?? chosen(arm);
  switch (stage) {
    case "rates":
      return RATES.flatMap((rate) =>
        SEARCHED.filter((arm) => arms.includes(arm)).map((arm) => run(arm, RATES_SEED, rate, rateEpochs)),
      );
    case "test":
      return seeds.flatMap((seed) => arms.map((arm) => run(arm, seed, chosen(arm))));
    case "half":
      return arms.map((arm) => run(arm, first, tested(arm)));
    case "long":
      return arms.map((arm) => run(arm, first, tested(arm), 2 * epochs));
    case "ablations":
      return ablated.map((arm) => run(arm, first, tested(arm)));
  }
}

function isOf(settings: Settings, run: ScratchRun): boolean {
  return SETTINGS.every((name) => run[name] === settings[name]);
}

/** The one whose trials choose this one's rate. */
function searchedFor(arm: ArmName): ArmName {
  return arm in COMPARED ? arm : "mc";
}

/** Of equal ones the first. */
export function chooseRate(settings: Settings, arm: ArmName, results: readonly ScratchResult[]): number {
  const own = trialsOf(settings, results).filter((trial) => trial.arm === searchedFor(arm));
  if (own.length < RATES.length) return RELEASED_RATE;
  own.sort((a, b) => a.learningRate - b.learningRate);
  return own.reduce((best, next) => (next.accuracy > best.accuracy ? next : best)).learningRate;
}

/** The best of those it was tested with; undefined where it was not. */
function testedRate(settings: Settings, arm: ArmName, results: readonly ScratchResult[]): number | undefined {
  const searched = searchedFor(arm);
  const tests = results.filter(
    (result) => result.stage === "test" && result.arm === searched && isOf(settings, result),
  );
  return bestTested(tests)[0]?.learningRate;
}

/** Those of as many epochs as the runs have, or else of the most below it. */
export function trialsOf(settings: Settings, results: readonly ScratchResult[]): ScratchResult[] {
  const trials = results.filter(
    (result) =>
      result.stage === "rates" &&
      result.epochs <= settings.epochs &&
      isOf({ ...settings, epochs: result.epochs }, result),
  );
  const epochs = maximum(trials.map((trial) => trial.epochs));
  return trials.filter((trial) => trial.epochs === epochs);
}

/** Of one loss's runs with several rates those with the most seeds, and among these with the highest mean. */
export function bestTested(runs: readonly ScratchResult[]): ScratchResult[] {
  const [best = []] = byRate(runs).sort((a, b) => b.length - a.length || meanAccuracy(b) - meanAccuracy(a));
  return best;
}

/** One loss's runs with each rate, from the lowest. */
export function byRate(runs: readonly ScratchResult[]): ScratchResult[][] {
  const groups = [...groupBy(runs, ({ learningRate }) => learningRate)];
  return groups.sort(([a], [b]) => a - b).map(([, same]) => same);
}

function meanAccuracy(runs: readonly ScratchResult[]): number {
  return mean(runs.map(({ accuracy }) => accuracy));
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
