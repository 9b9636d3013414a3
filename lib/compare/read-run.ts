import { z } from "zod";
import { McLossError } from "../errors.js";
import { readMetricsLines, readRunInfo, runFiles } from "../io/run-files.js";
import { parse } from "../schema.js";
import { reasonOf } from "../system-error.js";
import { DEFAULT_EPOCHS } from "../train/defaults.js";
import type { LossOptions } from "../train/objective.js";
import { maximum } from "../extremes.js";

/** A run as its folder tells of it. */
export interface RunRecord {
  folder: string;
  seed: number;
  network: string;
  classes: number;
  loss: LossOptions;
  /** Epochs done, and asked for. */
  epochs: number;
  epochsAsked: number;
  /** Validation accuracy after the last validated epoch, and the highest of all. */
  final: number;
  best: number;
  /** Where the run says so. */
  recipe?: string;
  /** The recipe's published accuracy, 0 to 1, with this run's loss. */
  published?: number;
  /** What the trainer was asked for, and what the run's caller told of it. */
  options: Readonly<Record<string, unknown>>;
  about: Readonly<Record<string, unknown>>;
}

const infoSchema = z.looseObject({
  model: z.looseObject({ name: z.string(), classes: z.number() }),
  options: z.looseObject({
    seed: z.number().default(0),
    epochs: z.number().default(DEFAULT_EPOCHS),
    loss: z.custom<LossOptions>((loss) => loss === "ce" || typeof loss === "object").default({}),
  }),
  about: z.record(z.string(), z.unknown()).default({}),
});

const recordSchema = z.looseObject({
  epoch: z.number(),
  validation: z.looseObject({ accuracy: z.number() }).optional(),
});

/** A recipe as far as it is needed here. */
const recipeSchema = z.looseObject({
  name: z.string(),
  published: z
    .array(z.looseObject({ loss: z.enum(["mc", "ce"]), accuracy: z.number(), source: z.string() }))
    .default([]),
});

/**
 * Reads `run.json` and `metrics.jsonl` of a run.
 * @throws McLossError ERR_IO naming the path when a file is missing, damaged, or tells of no validation
 */
export async function readRun(folder: string): Promise<RunRecord> {
  const { model, options, about } = await readInfo(folder);
  const validated = await readValidations(folder);
  const last = validated.records.at(-1);
  const recipe = recipeSchema.safeParse(about["recipe"]).data;
  const published = publishedAccuracy(recipe?.published ?? [], options.loss);
  return {
    folder,
    seed: options.seed,
    network: model.name,
    classes: model.classes,
    loss: options.loss,
    epochs: validated.epochs,
    epochsAsked: options.epochs,
    final: last ?? NaN,
    best: maximum(validated.records),
    ...(recipe === undefined ? {} : { recipe: recipe.name }),
    ...(published === undefined ? {} : { published }),
    options,
    about,
  };
}

/** Whether the run in `folder` has come to its end; false where there is none. @throws McLossError as {@link readRun} */
export async function isFinished(folder: string): Promise<boolean> {
  const lines = await readLines(folder).catch(() => []);
  const last = lines.at(-1);
  if (last === undefined) return false;
  const { options } = await readInfo(folder);
  return parseLine(folder, last).epoch >= options.epochs;
}

/** Cross-entropy and nothing else. */
export function isPlainCrossEntropy(loss: LossOptions): boolean {
  return loss === "ce" || (loss.type === "ce" && !loss.labelSmoothing && !loss.center);
}

async function readInfo(folder: string) {
  try {
    return parse(infoSchema, await readRunInfo(folder));
  } catch (cause) {
    throw unreadable(runFiles(folder).info, cause);
  }
}

async function readValidations(folder: string): Promise<{ epochs: number; records: number[] }> {
  const lines = await readLines(folder);
  const all = lines.map((line) => parseLine(folder, line));
  const records = all.flatMap(({ validation }) => (validation ? [validation.accuracy] : []));
  if (records.length > 0) return { epochs: all.at(-1)?.epoch ?? 0, records };
  const { metrics: path } = runFiles(folder);
  const text = `${path} has no validation accuracy: train with held-out images, or wait for the first validation`;
  throw new McLossError("ERR_IO", text, { path });
}

/** Whole lines: a process that was killed may have left a part of one. */
async function readLines(folder: string): Promise<string[]> {
  try {
    return (await readMetricsLines(folder)).slice(0, -1);
  } catch (cause) {
    throw unreadable(runFiles(folder).metrics, cause);
  }
}

function parseLine(folder: string, line: string) {
  try {
    return parse(recordSchema, JSON.parse(line));
  } catch (cause) {
    throw unreadable(runFiles(folder).metrics, cause);
  }
}

function unreadable(path: string, cause: unknown): McLossError {
  const text = `cannot read ${path} (${reasonOf(cause)}): give the folder of a run, such as runs/birds`;
  return new McLossError("ERR_IO", text, { path, cause });
}

/** With this loss, the paper's before others'. */
function publishedAccuracy(
  published: z.infer<typeof recipeSchema>["published"],
  loss: LossOptions,
): number | undefined {
  const name = isPlainCrossEntropy(loss) ? "ce" : isWholeMcLoss(loss) ? "mc" : undefined;
  const reported = published.filter((each) => each.loss === name);
  return (reported.find(({ source }) => source === "paper") ?? reported[0])?.accuracy;
}

/** MC-Loss without an ablation. */
function isWholeMcLoss(loss: LossOptions): boolean {
  if (loss === "ce" || loss.type === "ce" || loss.type === "focal") return false;
  const { alpha, beta, keep, pooling = "max", classification, center } = loss;
  return alpha !== 0 && beta !== 0 && keep !== "all" && pooling === "max" && !classification && !center;
}
