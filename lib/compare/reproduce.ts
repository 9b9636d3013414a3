import { join } from "node:path";
import { checkFunction, checkPlace, checkRecord } from "../check-argument.js";
import { invalidArgument } from "../errors.js";
import { networks } from "../models/networks.js";
import { hasPlainForm } from "../models/networks/definition.js";
import { changeRecipe } from "../recipes/change.js";
import type { PublishedAccuracy, Recipe } from "../recipes/recipe.js";
import { readRunInfo } from "../run/run-info.js";
import { isChannelLoss } from "../train/losses.js";
import { compareRuns, gain, type ComparedRun, type Gain } from "./compare-runs.js";
import type { Spread } from "./statistics.js";
import { checkSeeds, inSeries, trainUnfinished } from "./run-series.js";

/** One run of a reproduction. */
export interface ReproductionRun {
  /** Cross-entropy alone, or MC-Loss. */
  name: "ce" | "mc";
  /** With the run's loss, network and seed. */
  recipe: Recipe;
  /** The run's folder, for {@link trainRecipe}. */
  output: string;
  /** Whether the run was interrupted and goes on, for {@link prepareResume}. */
  resume: boolean;
}

/** Options of {@link reproduce}. */
export interface ReproduceOptions {
  /** Trains and validates one run; all that is not told to it must be the same for all runs. */
  train: (run: ReproductionRun) => Promise<void>;
  /** With MC-Loss. */
  recipe: Recipe;
  /** Different non-negative integers. */
  seeds: readonly number[];
  /** Holds a folder for each loss and, in it, for each seed. */
  output: string;
  /** Plain data that `train` goes by. Going on with a reproduction in `output` that had other settings is refused. */
  settings?: Readonly<Record<string, unknown>>;
}

/** What one loss reached beside what is published; accuracies are of the test images, 0 to 1. */
export interface ReproducedRow {
  name: ReproductionRun["name"];
  /** In few words: the loss, and the network where it is not the recipe's. */
  label: string;
  runs: ComparedRun[];
  /** After the last epoch. */
  last: Spread;
  /** In the epoch that was best on the test images: what the authors report, and no honest selection. */
  best: Spread;
  /** MC-Loss over cross-entropy. */
  gain?: { last: Gain; best: Gain };
  published: readonly PublishedAccuracy[];
}

/** What {@link reproduce} gives; JSON.stringify writes it whole. */
export interface Reproduction {
  recipe: Pick<Recipe, "name" | "description" | "epochs">;
  /** The paths of what is not as in the recipe that the published figures are of, such as "epochs". */
  changed: string[];
  /** What it was trained and tested on; absent where the runs do not say. */
  data?: { classes: number; train: number; test: number };
  rows: ReproducedRow[];
  /** Runs that are in no row, as they were not trained as the other seeds of their loss, and what each is. */
  leftOut: { folder: string; label: string }[];
}

/**
 * Trains a recipe with cross-entropy and with MC-Loss, every seed, and sets what they reach beside what is published for it.
 * Where the recipe widens the network for MC-Loss, cross-entropy gets the network as it was, as the paper's baseline. What is
 * finished in `output` is kept and what was interrupted goes on.
 * @throws McLossError ERR_ARGUMENT, ERR_IO, and what `train` throws
 */
export async function reproduce(options: ReproduceOptions): Promise<Reproduction> {
  checkRecord("options", options, "an object");
  const { train, recipe, seeds, output, settings } = options;
  checkFunction("train", train);
  checkPlace("output", output);
  checkSeeds(seeds);
  if (!isChannelLoss(recipe.loss)) throw invalidArgument("recipe.loss", "must be MC-Loss");
  const recipes = { ce: baselineOf(recipe), mc: recipe };
  const runs = seeds.flatMap((seed) =>
    (["ce", "mc"] as const).map((name) => ({
      name,
      recipe: changeRecipe(recipes[name], { seed }),
      output: join(output, name, `seed-${seed}`),
    })),
  );
  return inSeries({ output, kind: "reproduction", settings: { recipe, ...settings } }, async () => {
    await trainUnfinished(runs, train);
    return summarize(recipe, recipes.ce, runs);
  });
}

/** Cross-entropy alone, on the network without the channels that it has for MC-Loss. */
function baselineOf(recipe: Recipe): Recipe {
  const plain = changeRecipe(recipe, { loss: "ce" });
  return isWidened(recipe) ? changeRecipe(plain, { network: { channelsPerClass: null } }) : plain;
}

/** Whether the network has channels for each class that it need not have. */
function isWidened({ network }: Recipe): boolean {
  return "channelsPerClass" in network && hasPlainForm(networks.get(network.name));
}

async function summarize(
  recipe: Recipe,
  baseline: Recipe,
  runs: readonly { name: "ce" | "mc"; output: string }[],
): Promise<Reproduction> {
  const { groups } = await compareRuns(runs.map(({ output }) => output));
  const { name, description, epochs, published = [] } = recipe;
  const groupOf = (loss: ReproductionRun["name"]) => {
    const folders = runs.filter((run) => run.name === loss).map(({ output }) => output);
    const own = groups.filter(({ runs: [first] }) => first && folders.includes(first.folder));
    return own.sort((a, b) => b.runs.length - a.runs.length)[0];
  };
  const plain = groupOf("ce");
  const rows = (["ce", "mc"] as const).flatMap((loss): ReproducedRow[] => {
    const group = groupOf(loss);
    if (!group) return [];
    const { final: last, best } = group;
    const over = (which: "final" | "best") => gain(group.runs, plain?.runs ?? [], which);
    return [
      {
        name: loss,
        label: LABELS[loss] + (loss === "ce" && baseline.network !== recipe.network ? UNWIDENED : ""),
        runs: group.runs,
        last,
        best,
        gain: loss === "mc" && plain ? { last: over("final"), best: over("best") } : undefined,
        published: published.filter((each) => each.loss === loss),
      },
    ];
  });
  const { seed, ...sources } = recipe.sources ?? {};
  const changed = Object.keys(sources).filter((path) => sources[path] === "user");
  const taken = new Set(rows.flatMap((row) => row.runs.map(({ folder }) => folder)));
  const leftOut = groups.flatMap(({ label, runs: [first, ...others] }) =>
    first && !taken.has(first.folder) ? [first, ...others].map(({ folder }) => ({ folder, label })) : [],
  );
  return { recipe: { name, description, epochs }, changed, data: await dataOf(runs), rows, leftOut };
}

/** As the first run has it, whose images are those of all. */
async function dataOf([run]: readonly { output: string }[]): Promise<Reproduction["data"]> {
  if (!run) return undefined;
  const { loaders, model } = await readRunInfo(run.output);
  const { train, validation } = loaders ?? {};
  return train && validation && { classes: model.classes, train: train.samples, test: validation.samples };
}

const LABELS = { ce: "cross-entropy", mc: "MC-Loss" };
const UNWIDENED = ", the network not widened";
