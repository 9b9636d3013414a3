import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { checkFunction, checkPlace } from "../check-argument.js";
import { invalidArgument, McLossError } from "../errors.js";
import { randomAt, type Random } from "../image/random.js";
import { changeRecipe } from "../recipes/change.js";
import { joinPatches, nest } from "../recipes/patch.js";
import type { Recipe } from "../recipes/recipe.js";
import { isFinished, readRun } from "../run/read-run.js";
import { runFiles } from "../run/run-files.js";
import { callback, count, flag, index, like, optionsOf, parseOptions, text } from "../schema.js";
import { isRecord } from "../plain-data.js";
import { figureIn, isBetter, type Figure } from "../train/monitor.js";
import { inSeries } from "./run-series.js";
import { figureOf } from "./summarize-run.js";

/** What a key may be: one of some values, or a number from a range, maybe as likely in each power of ten. */
export type TuneRange = readonly unknown[] | { low: number; high: number; log?: boolean };

/** What is searched: ranges by the keys of a recipe, such as "optimizer.learningRate". */
export type TuneSpace = Readonly<Record<string, TuneRange>>;

/** One run of a search. */
export interface TuneRun {
  /** From 1. */
  trial: number;
  /** By key. */
  values: Readonly<Record<string, unknown>>;
  recipe: Recipe;
  /** The epoch after which it is stopped, to go on later if it is among the best. */
  until: number;
  /** The run's folder, for {@link trainRecipe}. */
  output: string;
  /** Whether it was begun and goes on, for {@link prepareResume}. */
  resume: boolean;
}

/** Options of {@link tune}. */
export interface TuneOptions {
  /** Trains one run until an epoch; all that is not told to it must be the same for all runs. */
  train: (run: TuneRun) => Promise<void>;
  /** What is changed; of its epochs the best trials are trained all. */
  recipe: Recipe;
  space: TuneSpace;
  /** How many are drawn from the space. Default: all combinations, where every range is a list. */
  trials?: number;
  /** Of the trials, the best in so many go on each time, for so many times the epochs; 1: all are trained whole. Default 3. */
  halving?: number;
  /** Epochs that all trials are trained. Default: of the recipe's so many that two selections follow. */
  firstEpochs?: number;
  /** Of what is drawn. Default 0. */
  seed?: number;
  /** Holds a folder for each trial. */
  output: string;
  /** Plain data that `train` goes by. Going on in an `output` that had other settings is refused. */
  settings?: Readonly<Record<string, unknown>>;
}

/** What one trial reached. */
export interface TunedTrial {
  trial: number;
  values: Readonly<Record<string, unknown>>;
  folder: string;
  /** Epochs that it was trained. */
  epochs: number;
  /** The best of its epochs, and the monitored figure then; absent where none had a number, as of a loss that exploded. */
  epoch?: number;
  value?: number;
  /** Why it ended before it was to. */
  failed?: string;
}

/** What {@link tune} found. */
export interface Tuning {
  /** What trials are judged by. */
  figure: Figure;
  /** The best first: those that were trained the longest before the others. */
  trials: TunedTrial[];
  /** The recipe of the best; absent where all failed. */
  best?: Recipe;
}

const range = z.union([
  z.array(z.unknown()).min(1).readonly(),
  z.strictObject({ low: z.number(), high: z.number(), log: flag.optional() }),
]);

const schema = optionsOf<TuneOptions>({
  train: callback,
  recipe: like<Recipe>("a recipe", isRecord),
  space: z.record(z.string(), range),
  trials: count.optional(),
  halving: count.optional(),
  firstEpochs: count.optional(),
  seed: index.optional(),
  output: text,
  settings: z.record(z.string(), z.unknown()).readonly().optional(),
});

/**
 * Searches a recipe's keys with successive halving (Jamieson & Talwalkar 2016): all trials are trained a few epochs, and the best
 * go on, in the run that they have. Trials are judged by the monitored figure of the held-out images. What is done in `output` is
 * kept and what was interrupted goes on.
 * @throws McLossError ERR_ARGUMENT, ERR_IO, and what `train` throws but ERR_NAN_LOSS, which ends a trial
 */
export async function tune(given: TuneOptions): Promise<Tuning> {
  const options = parseOptions(schema, given);
  const { train, recipe, space, seed = 0, halving = 3, output, settings = {} } = options;
  checkFunction("train", train);
  checkPlace("output", output);
  const all = drawTrials(space, options.trials, seed).map((values, place): Trial => {
    const patch = joinPatches(Object.entries(values).map(([key, value]) => nest(keysOf(key), value)));
    return {
      trial: place + 1,
      values,
      recipe: changeRecipe(recipe, patch),
      output: join(output, `trial-${place + 1}`),
    };
  });
  const rungs = rungsOf(recipe.epochs, halving, options.firstEpochs);
  const asked = { recipe, space, trials: all.length, seed, halving, rungs, ...settings };
  return inSeries({ output, kind: "tuning", settings: asked }, async () => {
    const failures = new Map<number, string>();
    const rungOf = new Map<number, number>();
    let going = all;
    for (const [rung, until] of rungs.entries()) {
      for (const trial of going) {
        await trainUntil(trial, until, train, failures);
        rungOf.set(trial.trial, rung);
      }
      const ranked = await rank(going, failures);
      const best = ranked
        .filter(({ failed }) => failed === undefined)
        .slice(0, Math.ceil(going.length / halving));
      going = all.filter(({ trial }) => best.some((one) => one.trial === trial));
    }
    const ranked = await rank(all, failures);
    const trials = ranked.sort((a, b) => (rungOf.get(b.trial) ?? -1) - (rungOf.get(a.trial) ?? -1));
    const first = trials.find(({ value, failed }) => value !== undefined && failed === undefined);
    const best = all.find(({ trial }) => trial === first?.trial)?.recipe;
    return { figure: await figureOfTrials(all), trials, best };
  });
}

type Trial = Pick<TuneRun, "trial" | "values" | "recipe" | "output">;

function keysOf(key: string): string[] {
  return key.split(/[.[\]]+/).filter((part) => part !== "");
}

/** All combinations, or so many that are drawn. */
function drawTrials(
  space: TuneSpace,
  trials: number | undefined,
  seed: number,
): Readonly<Record<string, unknown>>[] {
  const entries = Object.entries(space);
  if (entries.length === 0) throw invalidArgument("space", "must have a key to vary");
  if (trials !== undefined) {
    return Array.from({ length: trials }, (_, trial) =>
      Object.fromEntries(
        entries.map(([key, values], place) => [key, draw(values, randomAt(seed, trial, place), key)]),
      ),
    );
  }
  return entries.reduce<Record<string, unknown>[]>(
    (combined, [key, values]) => {
      if (!isList(values)) throw invalidArgument("trials", `must be given, as ${key} is of a range`);
      return combined.flatMap((one) => values.map((value) => ({ ...one, [key]: value })));
    },
    [{}],
  );
}

function isList(values: TuneRange): values is readonly unknown[] {
  return Array.isArray(values);
}

/** Numbers of a range have three digits: more of them say nothing. */
function draw(values: TuneRange, random: Random, key: string): unknown {
  if (isList(values)) return values[random.integer(0, values.length - 1)];
  const { low, high, log = false } = values;
  if (!(low < high) || (log && !(low > 0))) {
    throw invalidArgument(`space.${key}`, `must go up, and from above 0 with log, got ${low} to ${high}`);
  }
  const value = log ? Math.exp(random.uniform(Math.log(low), Math.log(high))) : random.uniform(low, high);
  return Number(value.toPrecision(3));
}

/** The epochs after which the best go on; the last is the whole. */
function rungsOf(epochs: number, halving: number, first: number | undefined): number[] {
  if (halving === 1) return [epochs];
  const rungs: number[] = [];
  const start = Math.min(epochs, first ?? Math.max(1, Math.round(epochs / halving ** 2)));
  for (let rung = start; rung < epochs; rung *= halving) rungs.push(rung);
  return [...rungs, epochs];
}

async function trainUntil(
  trial: Trial,
  until: number,
  train: TuneOptions["train"],
  failures: Map<number, string>,
): Promise<void> {
  const { info, metrics } = runFiles(trial.output);
  if (existsSync(metrics)) {
    const run = await readRun(trial.output);
    if (isFinished(run) || (run.epochs.at(-1)?.epoch ?? 0) >= until) return;
  }
  try {
    await train({ ...trial, until, resume: existsSync(info) });
  } catch (error) {
    if (!(error instanceof McLossError) || error.code !== "ERR_NAN_LOSS") throw error;
    failures.set(trial.trial, error.message);
  }
}

async function rank(trials: readonly Trial[], failures: ReadonlyMap<number, string>): Promise<TunedTrial[]> {
  const figure = await figureOfTrials(trials);
  const read = await Promise.all(trials.map((trial) => readTrial(trial, figure, failures.get(trial.trial))));
  const betterFirst = (a: TunedTrial, b: TunedTrial) => {
    if ((a.failed === undefined) !== (b.failed === undefined)) return a.failed === undefined ? -1 : 1;
    if (a.value === undefined || b.value === undefined) return a.value === undefined ? 1 : -1;
    if (a.value === b.value) return a.trial - b.trial;
    return isBetter(figure, a.value, b.value) ? -1 : 1;
  };
  return read.sort(betterFirst);
}

async function readTrial(
  { trial, values, output }: Trial,
  figure: Figure,
  failed: string | undefined,
): Promise<TunedTrial> {
  const base = { trial, values, folder: output, ...(failed !== undefined && { failed }) };
  if (!existsSync(runFiles(output).info)) return { ...base, epochs: 0 };
  const { epochs } = await readRun(output);
  let best: { epoch: number; value: number } | undefined;
  for (const record of epochs) {
    const value = figureIn(record, figure);
    if (value !== undefined && isBetter(figure, value, best?.value)) best = { epoch: record.epoch, value };
  }
  return { ...base, epochs: epochs.at(-1)?.epoch ?? 0, ...best };
}

/** By which trials are judged: that of their runs. */
async function figureOfTrials(trials: readonly Trial[]): Promise<Figure> {
  for (const { output } of trials) {
    if (!existsSync(runFiles(output).metrics)) continue;
    const { info, epochs } = await readRun(output);
    return figureOf(info, epochs.some(({ validation }) => validation) ? "held-out" : "training");
  }
  return { part: "validation", term: "accuracy" };
}
