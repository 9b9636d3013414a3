import { isFinished, readRun } from "../run/read-run.js";
import { percentOf, UNKNOWN } from "./format-figures.js";
import { spread, type Spread } from "./statistics.js";
import { summarizeRun } from "./summarize-run.js";
import type { Table } from "./write-table.js";

/** What runs reached, from 0 to 1; absent where it was not measured. */
export interface SeriesFigures<Value> {
  /** On the held-out images, with the weights that the run delivers: those of its best epoch, or else its last. */
  accuracy?: Value;
  balancedAccuracy?: Value;
  macroF1?: Value;
  top5Accuracy?: Value;
  /** On the held-out images, after the last epoch. */
  last?: Value;
  /** On the training images, as they went by in the last epoch. */
  training?: Value;
}

/** One run of a series. */
export interface SeriesRun extends SeriesFigures<number> {
  /** What tells it from the others: "seed 0". */
  name: string;
  folder: string;
  /** Epochs done, and the one whose weights it delivers. */
  epochs: number;
  epoch: number;
  finished: boolean;
}

/** What runs of the same kind reached. */
export interface SeriesSummary extends SeriesFigures<Spread> {
  runs: SeriesRun[];
}

const FIGURES = [
  "accuracy",
  "balancedAccuracy",
  "macroF1",
  "top5Accuracy",
  "last",
  "training",
] as const satisfies readonly (keyof SeriesFigures<number>)[];

export async function summarizeSeries(
  runs: readonly { name: string; folder: string }[],
): Promise<SeriesSummary> {
  const read = await Promise.all(runs.map(readSeriesRun));
  const spreads = FIGURES.flatMap((figure): [string, Spread][] => {
    const values = read.flatMap((run) => run[figure] ?? []);
    return values.length === read.length ? [[figure, spread(values)]] : [];
  });
  return { runs: read, ...(Object.fromEntries(spreads) as SeriesFigures<Spread>) };
}

async function readSeriesRun({ name, folder }: { name: string; folder: string }): Promise<SeriesRun> {
  const recorded = await readRun(folder);
  const { epochs, measuredOn, best, last, training } = summarizeRun(recorded);
  const delivered = best ?? last;
  const heldOut = measuredOn === "held-out";
  return {
    name,
    folder,
    epochs: epochs.done,
    epoch: delivered?.epoch ?? epochs.done,
    finished: isFinished(recorded),
    ...(heldOut && { accuracy: delivered?.accuracy, balancedAccuracy: delivered?.balancedAccuracy }),
    ...(heldOut && { macroF1: delivered?.macroF1 }),
    ...(heldOut && { top5Accuracy: delivered?.top5Accuracy, last: last?.accuracy }),
    training: training?.last.accuracy,
  };
}

const HEADS = {
  accuracy: "accuracy %",
  balancedAccuracy: "balanced %",
  macroF1: "macro F1 %",
  top5Accuracy: "top-5 %",
  last: "last epoch %",
  training: "training %",
};

/** A row for each run, and their mean. @param title the caption's first sentence */
export function seriesTable(summary: SeriesSummary, title: string): Table {
  const { runs } = summary;
  const figures = FIGURES.filter((figure) => runs.some((run) => run[figure] !== undefined));
  const cell = (share: number | undefined) => (share === undefined ? UNKNOWN : percentOf({ mean: share }));
  return {
    title,
    cells: [
      ["", "epoch", ...figures.map((figure) => HEADS[figure])],
      ...runs.map((run) => [
        run.name,
        `${run.epoch} of ${run.epochs}`,
        ...figures.map((figure) => cell(run[figure])),
      ]),
      ...(runs.length > 1
        ? [["mean ± std", "", ...figures.map((figure) => percentOf(summary[figure] ?? { mean: NaN }))]]
        : []),
    ],
    notes: [
      figures.includes("accuracy")
        ? "accuracy on the held-out images with the weights of the epoch that each run delivers"
        : "accuracy on the training images, as none were held out",
      ...(runs.length > 1 ? [`mean ± standard deviation over ${runs.length} runs`] : []),
      ...runs.filter(({ finished }) => !finished).map(({ folder }) => `${folder} has not come to its end`),
    ],
    data: [
      ["run", "epoch", "epochs", ...figures, "folder"],
      ...runs.map((run) => [
        run.name,
        run.epoch,
        run.epochs,
        ...figures.map((figure) => run[figure]),
        run.folder,
      ]),
    ],
  };
}
