import { join } from "node:path";
import { checkFunction, checkPlace, checkRecord } from "../check-argument.js";
import type { Fold } from "../data/folds.js";
import { invalidArgument } from "../errors.js";
import { shown } from "../shown.js";
import { inSeries, trainUnfinished } from "./run-series.js";
import { summarizeSeries, type SeriesSummary } from "./summarize-series.js";

/** One run of a cross-validation. */
export interface FoldRun {
  /** What it holds out, for {@link RecipeData}. */
  fold: Fold;
  /** The run's folder, for {@link trainRecipe}. */
  output: string;
  /** Whether the run was interrupted and goes on, for {@link prepareResume}. */
  resume: boolean;
}

/** Options of {@link crossValidate}. */
export interface CrossValidateOptions {
  /** Trains one run; all that is not told to it must be the same for all runs. */
  train: (run: FoldRun) => Promise<void>;
  /** Into how many parts the images are divided: at least 2. */
  folds: number;
  /** Of the division. Default 0. */
  seed?: number;
  /** Holds a folder for each part. */
  output: string;
  /** Plain data that `train` goes by. Going on in an `output` that had other settings is refused. */
  settings?: Readonly<Record<string, unknown>>;
}

/** The folder of a fold's run. */
export function foldFolder(output: string, number: number): string {
  return join(output, `fold-${number}`);
}

/**
 * Trains once for each part of the images, on all others, and measures on that part. What is finished in `output` is kept
 * and what was interrupted goes on.
 * @throws McLossError ERR_ARGUMENT, ERR_IO, and what `train` throws
 */
export async function crossValidate(options: CrossValidateOptions): Promise<SeriesSummary> {
  checkRecord("options", options, "an object");
  const { train, folds, seed = 0, output, settings = {} } = options;
  checkFunction("train", train);
  checkPlace("output", output);
  if (!Number.isSafeInteger(folds) || folds < 2) {
    throw invalidArgument("folds", `must be an integer of at least 2, got ${shown(folds)}`);
  }
  const runs = Array.from({ length: folds }, (_, place) => ({
    fold: { number: place + 1, of: folds, seed },
    output: foldFolder(output, place + 1),
  }));
  return inSeries({ output, kind: "cross-validation", settings: { folds, seed, ...settings } }, async () => {
    await trainUnfinished(runs, train);
    return summarizeSeries(runs.map(({ fold, output: folder }) => ({ name: `fold ${fold.number}`, folder })));
  });
}
