import { realpath } from "node:fs/promises";
import { McLossError } from "../errors.js";
import { runFiles } from "../run/run-files.js";
import { isPlainCrossEntropy, isWholeMcLoss } from "./complete-loss.js";
import type { RunLoaders } from "../run/run-info.js";
import { isFinished, readRun, type RecordedRun } from "../run/read-run.js";
import { recordedRecipe, type RecordedRecipe } from "../run/recorded-recipe.js";
import { completeRecordedOptions } from "../train/trainer-options.js";

/** A run that was validated, as comparing takes it. */
export interface MeasuredRun {
  folder: string;
  /** The folder itself, whatever leads to it. */
  location: string;
  /** All that is recorded of it, which a copy has too. */
  recorded: string;
  seed: number;
  network: string;
  classes: number;
  /** SHA-256 of the network's spec. */
  spec?: string;
  /** As plain data. */
  loss: unknown;
  /** Epochs done, and asked for. */
  epochs: number;
  epochsAsked: number;
  /** Whether the run has come to its end: its last epoch, or an early one. */
  finished: boolean;
  /** Validation accuracy after the last validated epoch, and the highest of all; NaN where it was no number. */
  final: number;
  best: number;
  /** Where the run says so. */
  recipe?: string;
  /** The recipe's published accuracy, 0 to 1, with this run's loss. */
  published?: number;
  /** What decided which batches it was trained and judged on. */
  loaders?: RunLoaders;
  /** What the trainer was asked for, and what the run's caller told of it. */
  options: Readonly<Record<string, unknown>>;
  about: Readonly<Record<string, unknown>>;
}

/**
 * Reads `run.json` and `metrics.jsonl` of a run.
 * @throws McLossError ERR_IO naming the path when a file is missing, damaged, or tells of no validation
 */
export async function readMeasuredRun(folder: string): Promise<MeasuredRun> {
  const run = await readRun(folder);
  const { model, changes } = run.info;
  const options = completeRecordedOptions(run.info.options);
  // A run whose options were changed on the way is not one that had them from the start.
  const about = changes?.length ? { ...run.info.about, changes } : run.info.about;
  const accuracies = validatedAccuracies(run);
  const known = accuracies.filter((accuracy) => !Number.isNaN(accuracy));
  const recipe = recordedRecipe(about);
  const { seed, loss } = options;
  const published = publishedAccuracy(recipe.published, loss);
  return {
    folder,
    location: await realpath(folder),
    recorded: JSON.stringify([run.info, run.epochs]),
    seed: typeof seed === "number" ? seed : 0,
    network: model.name,
    classes: model.classes,
    spec: model.sha256,
    loss,
    epochs: run.epochs.at(-1)?.epoch ?? 0,
    epochsAsked: run.planned,
    finished: isFinished(run),
    final: accuracies.at(-1) ?? NaN,
    best: known.reduce((best, accuracy) => (accuracy > best ? accuracy : best), known[0] ?? NaN),
    recipe: recipe.name,
    published,
    loaders: run.info.loaders,
    options,
    about,
  };
}

function validatedAccuracies({ folder, epochs, damagedLines, endsTorn }: RecordedRun): number[] {
  const { metrics: path } = runFiles(folder);
  if (damagedLines > (endsTorn ? 1 : 0)) {
    const text = `${path} has damaged lines: the accuracy that they told is not known. Train this run again`;
    throw new McLossError("ERR_IO", text, { path });
  }
  const accuracies = epochs.flatMap(({ validation }) => (validation ? [validation.accuracy ?? NaN] : []));
  if (accuracies.length > 0) return accuracies;
  const text = `${path} has no validation accuracy: train with held-out images, or wait for the first validation`;
  throw new McLossError("ERR_IO", text, { path });
}

/** With this loss, the paper's before others'. */
function publishedAccuracy(published: RecordedRecipe["published"], loss: unknown): number | undefined {
  const name = isPlainCrossEntropy(loss) ? "ce" : isWholeMcLoss(loss) ? "mc" : undefined;
  const reported = published.filter((each) => each.loss === name);
  return (reported.find(({ source }) => source === "paper") ?? reported[0])?.accuracy;
}
