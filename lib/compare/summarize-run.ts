import { describeLoss } from "./describe-loss.js";
import { DEFAULT_RECIPE } from "../recipes/default-recipe.js";
import type { MeasuredHealth, RecordedEpoch } from "../run/epoch-record.js";
import type { RecordedRun } from "../run/read-run.js";
import { recordedRecipe } from "../run/recorded-recipe.js";
import type { RunInfo } from "../run/run-info.js";
import {
  figureIn,
  isBetter,
  monitoredFigure,
  MONITORS,
  type Figure,
  type Monitor,
} from "../train/monitor.js";

/** How a run went, in numbers; shares are from 0 to 1, and what was not measured is absent. */
export interface RunSummary {
  folder: string;
  name: string;
  model: string;
  classes: number;
  /** The recipe's name, or the loss. */
  recipe: string;
  /** Where the images were, as far as the run tells. */
  data?: string;
  epochs: { done: number; planned: number; stoppedEarly?: boolean };
  /** What accuracies are of: held-out images, or the training's where none were held out. */
  measuredOn: "held-out" | "training";
  /** What the best epoch was chosen by: the lowest loss, or the highest of the others. */
  chosenBy: Figure["term"];
  /** Absent where the images were held out and chose nothing, as a test part does. */
  best?: EpochScores;
  last?: EpochScores;
  /** The epoch of the highest accuracy where {@link best} is absent: chosen by hindsight, it is no honest selection. */
  highest?: EpochScores;
  /** Accuracies on the training images, as they went by in the epoch. */
  training?: { best: EpochScores; last: EpochScores };
  /** Steps that `--on-nan skip` skipped, as their loss was not finite. */
  skippedSteps: number;
  /** The channels' health, where it was measured last. */
  channels?: MeasuredHealth;
  /** That its epochs took, all together; pauses before a resume are none of it. */
  seconds?: number;
  /** Median over the epochs. */
  imagesPerSecond?: number;
}

/** What an epoch reached. */
export interface EpochScores {
  epoch: number;
  accuracy: number;
  top5Accuracy?: number;
  macroF1?: number;
  balancedAccuracy?: number;
}

export function summarizeRun({ folder, name, info, epochs, planned }: RecordedRun): RunSummary {
  const measuredOn = epochs.some(({ validation }) => validation) ? "held-out" : "training";
  const scores = epochs.map((epoch) => scoresOf(epoch, measuredOn)).filter((score) => score !== undefined);
  const figure = figureOf(info, measuredOn);
  const chosen = figure.part === "validation" || measuredOn === "training";
  const best = chosen ? bestOf(epochs, figure, scores) : undefined;
  const training = trainingScores(epochs, figure);
  const last = epochs.at(-1);
  return {
    folder,
    name,
    model: info.model.name,
    classes: info.model.classes,
    recipe: recipeOf(info),
    ...defined("data", dataOf(info.about)),
    epochs: { done: last?.epoch ?? 0, planned, ...defined("stoppedEarly", last?.stoppedEarly) },
    measuredOn,
    chosenBy: figure.term,
    ...defined("best", best),
    ...defined("last", scores.at(-1)),
    ...defined("highest", chosen ? undefined : highestOf(scores)),
    ...defined("training", training),
    skippedSteps: epochs.reduce((sum, { nonFinite = 0 }) => sum + nonFinite, 0),
    ...defined("channels", epochs.findLast(({ channels }) => channels)?.channels),
    ...defined("seconds", secondsOf(epochs)),
    ...defined("imagesPerSecond", median(epochs.map(({ imagesPerSecond }) => imagesPerSecond))),
  };
}

/** The images that a run was measured on, or else trained on, as far as it tells. */
export function measuredImages({ about }: RunInfo): string | undefined {
  return textIn(about["data"], "validation") ?? dataOf(about);
}

function scoresOf(record: RecordedEpoch, measuredOn: RunSummary["measuredOn"]): EpochScores | undefined {
  const { epoch, train, validation } = record;
  const accuracy = (measuredOn === "held-out" ? validation : train)?.accuracy;
  if (accuracy === undefined) return undefined;
  const { top5Accuracy, macroF1, balancedAccuracy } = validation ?? {};
  return {
    epoch,
    accuracy,
    ...defined("top5Accuracy", top5Accuracy),
    ...defined("macroF1", macroF1),
    ...defined("balancedAccuracy", balancedAccuracy),
  };
}

const HAVE_TRAINING_FIGURES = /accuracy$|loss$/;

/** What a run's best epoch is the best by. */
export function figureOf({ options }: RunInfo, measuredOn: RunSummary["measuredOn"]): Figure {
  const given = options["monitor"];
  const monitor = MONITORS.find((name) => name === given) ?? "accuracy";
  // A run that was ended before it was validated has no figure of held-out images yet.
  const isKnown = measuredOn === "held-out" || HAVE_TRAINING_FIGURES.test(monitor);
  const known = isKnown ? monitor : "accuracy";
  return monitoredFigure(
    measuredOn === "held-out" ? known : (known.replace("validation.", "") as Monitor),
    measuredOn === "held-out",
  );
}

function trainingScores(epochs: readonly RecordedEpoch[], figure: Figure): RunSummary["training"] {
  const scores = epochs.flatMap(({ epoch, train: { accuracy } }) =>
    accuracy === undefined ? [] : [{ epoch, accuracy }],
  );
  const term = figure.part === "train" ? figure.term : "accuracy";
  const [best, last] = [bestOf(epochs, { part: "train", term }, scores), scores.at(-1)];
  return best && last ? { best, last } : undefined;
}

/** The scores of the epoch with the best figure: the first of several, as the checkpoint. */
function bestOf(
  epochs: readonly RecordedEpoch[],
  figure: Figure,
  scores: readonly EpochScores[],
): EpochScores | undefined {
  let best: { epoch: number; value: number } | undefined;
  for (const record of epochs) {
    const value = figureIn(record, figure);
    if (value !== undefined && isBetter(figure, value, best?.value)) best = { epoch: record.epoch, value };
  }
  return scores.find(({ epoch }) => epoch === best?.epoch);
}

/** The first of several. */
function highestOf(scores: readonly EpochScores[]): EpochScores | undefined {
  return scores.reduce<EpochScores | undefined>(
    (highest, next) => (highest && highest.accuracy >= next.accuracy ? highest : next),
    undefined,
  );
}

function secondsOf(epochs: readonly RecordedEpoch[]): number | undefined {
  const known = epochs.flatMap(({ seconds }) => seconds ?? []);
  return known.length > 0 ? known.reduce((sum, seconds) => sum + seconds, 0) : undefined;
}

function recipeOf({ options, about }: RunInfo): string {
  const { name } = recordedRecipe(about);
  if (name !== undefined && name !== DEFAULT_RECIPE.name) return name;
  return describeLoss(options["loss"] ?? {});
}

function dataOf({ data }: Record<string, unknown>): string | undefined {
  return typeof data === "string" ? data : textIn(data, "dir");
}

function textIn(value: unknown, name: string): string | undefined {
  const text = (value as Record<string, unknown> | undefined)?.[name];
  return typeof text === "string" ? text : undefined;
}

function median(values: readonly (number | null | undefined)[]): number | undefined {
  const sorted = values.filter((value) => typeof value === "number").sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function defined<Key extends string, Value>(
  key: Key,
  value: Value | null | undefined,
): Partial<Record<Key, Value>> {
  return value === null || value === undefined ? {} : ({ [key]: value } as Record<Key, Value>);
}
