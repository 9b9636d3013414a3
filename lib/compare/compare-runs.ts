import { checkPlaces } from "../check-argument.js";
import { McLossError } from "../errors.js";
import { completeLoss, isPlainCrossEntropy } from "./complete-loss.js";
import { conditionsOf, conditionsText, configurationOf, describeDifferences } from "./conditions.js";
import { describeLoss } from "./describe-loss.js";
import { readMeasuredRun, type MeasuredRun } from "./measured-run.js";
import { pairedTTest, ranksOf, spread, type Spread } from "./statistics.js";

/** One run of a comparison; accuracies are of the validation images, 0 to 1. */
export interface ComparedRun {
  folder: string;
  seed: number;
  /** After the last validated epoch. */
  final: number;
  /** The highest of all epochs. */
  best: number;
  /** Epochs done, and asked for. */
  epochs: number;
  epochsAsked: number;
  /** Whether the run has come to its end: its last epoch, or an early one. */
  finished: boolean;
}

/** How much better than the baseline. */
export interface Gain {
  /**
   * Mean over the seeds that both have, or where there is none the difference of the means. Of several runs of a seed their
   * mean is taken.
   */
  difference: number;
  /** Seeds that both have. */
  pairs: number;
  /** Of the two-sided paired t-test; absent below two pairs, or where all differences are the same. */
  p?: number;
}

/** Runs that differ by their seed alone. */
export interface RunGroup {
  /** The loss in few words, and what else tells the group from the others. */
  label: string;
  network: string;
  recipe?: string;
  /** Whole, with what was not said of it, as plain data. */
  loss: Readonly<Record<string, unknown>>;
  runs: ComparedRun[];
  final: Spread;
  best: Spread;
  /**
   * The place among all groups by the final accuracy, 1 the best and ties shared: mean over the seeds that all have. Absent
   * where there is no such seed, and for one group.
   */
  rank?: number;
  /** Over cross-entropy alone with the same recipe, network and data; absent where it was not run, and for itself. */
  gain?: { baseline: string; final: Gain; best: Gain };
  /** The recipe's published accuracy, 0 to 1. */
  published?: number;
}

/** What {@link compareRuns} gives; JSON.stringify writes it whole. */
export interface Comparison {
  /** In the order of their first runs. */
  groups: RunGroup[];
}

/**
 * Compares runs by their validation accuracy: those that differ by their seed alone together, beside cross-entropy alone.
 * @param folders of runs that were validated
 * @throws McLossError ERR_IO naming what cannot be read; ERR_ARGUMENT for a run that is there twice
 */
export async function compareRuns(folders: readonly string[]): Promise<Comparison> {
  checkPlaces("folders", folders);
  const records = await Promise.all(folders.map(readMeasuredRun));
  requireDifferent(records);
  const groups = groupRuns(records);
  const differences = describeDifferences(groups.map(([first]) => conditionsOf(first)));
  const labels = groups.map(([{ loss }], index) =>
    [describeLoss(loss), ...(differences[index] ?? [])].join(", "),
  );
  const ranks = meanRanks(groups);
  return {
    groups: groups.map((runs, index) => {
      const rank = ranks?.[index];
      return {
        ...summarizeGroup(runs, labels[index] ?? "", groups, labels),
        ...(rank === undefined ? {} : { rank }),
      };
    }),
  };
}

type Runs = [MeasuredRun, ...MeasuredRun[]];

function groupRuns(records: readonly MeasuredRun[]): Runs[] {
  const groups = new Map<string, Runs>();
  for (const record of records) {
    const key = configurationOf(record);
    const group = groups.get(key);
    if (group) group.push(record);
    else groups.set(key, [record]);
  }
  return [...groups.values()];
}

/** @throws McLossError ERR_ARGUMENT for a folder that is there twice, or a copy of another */
function requireDifferent(records: readonly MeasuredRun[]): void {
  const seen = new Map<string, MeasuredRun>();
  for (const record of records) {
    for (const sign of [record.location, record.recorded]) {
      const twin = seen.get(sign);
      seen.set(sign, record);
      if (!twin) continue;
      const text = `the same run is there twice: ${twin.folder} and ${record.folder}; leave one out`;
      throw new McLossError("ERR_ARGUMENT", text, { argument: "folders", path: record.folder });
    }
  }
}

function summarizeGroup(
  runs: Runs,
  label: string,
  groups: readonly Runs[],
  labels: readonly string[],
): RunGroup {
  const [{ network, recipe, loss, published }] = runs;
  const baseline = isPlainCrossEntropy(loss) ? undefined : findBaseline(runs[0], groups);
  return {
    label,
    network,
    ...(recipe === undefined ? {} : { recipe }),
    loss: completeLoss(loss),
    runs: runs.map(({ folder, seed, final, best, epochs, epochsAsked, finished }) => {
      return { folder, seed, final, best, epochs, epochsAsked, finished };
    }),
    final: spread(runs.map(({ final }) => final)),
    best: spread(runs.map(({ best }) => best)),
    ...(baseline
      ? {
          gain: {
            baseline: labels[groups.indexOf(baseline)] ?? "",
            final: gain(runs, baseline, "final"),
            best: gain(runs, baseline, "best"),
          },
        }
      : {}),
    ...(published === undefined ? {} : { published }),
  };
}

/** Cross-entropy alone under the same conditions, or else the best with the same recipe, network and data. */
function findBaseline(run: MeasuredRun, groups: readonly Runs[]): Runs | undefined {
  const candidates = groups.filter(([{ loss }]) => isPlainCrossEntropy(loss));
  const conditions = conditionsText(run);
  const exact = candidates.find(([first]) => conditionsText(first) === conditions);
  if (exact) return exact;
  const alike = candidates.filter(([first]) => taskOf(first) === taskOf(run));
  const score = (runs: Runs) => spread(runs.map(({ final }) => final)).mean;
  return alike.sort((a, b) => score(b) - score(a))[0];
}

function taskOf({ recipe, network, classes, about }: MeasuredRun): string {
  const { dir } = (about["data"] ?? {}) as { dir?: unknown };
  return JSON.stringify([recipe, network, classes, dir]);
}

/** Of one list of runs over another. */
export function gain(runs: Reached, baseline: Reached, which: "final" | "best"): Gain {
  const [own, others] = [runs, baseline].map((group) => meansBySeed(group, which)) as [Means, Means];
  const pairs = [...own].flatMap(([seed, mean]) => {
    const other = others.get(seed);
    return other === undefined ? [] : [mean - other];
  });
  if (pairs.length === 0) {
    const mean = (group: Reached) => spread(group.map((run) => run[which])).mean;
    return { difference: mean(runs) - mean(baseline), pairs: 0 };
  }
  const p = pairedTTest(pairs);
  return { difference: spread(pairs).mean, pairs: pairs.length, ...(p === undefined ? {} : { p }) };
}

/** Of each group; undefined where no seed is in all. */
function meanRanks(groups: readonly Reached[]): number[] | undefined {
  const means = groups.map((group) => meansBySeed(group, "final"));
  const shared = [...(means[0]?.keys() ?? [])].filter((seed) => means.every((each) => each.has(seed)));
  if (groups.length < 2 || shared.length === 0) return undefined;
  const bySeed = shared.map((seed) => ranksOf(means.map((each) => each.get(seed) ?? NaN)));
  return groups.map((_, index) => spread(bySeed.map((ranks) => ranks[index] ?? NaN)).mean);
}

type Means = ReadonlyMap<number, number>;

/** As far as a gain is made of it. */
type Reached = readonly Pick<ComparedRun, "seed" | "final" | "best">[];

function meansBySeed(runs: Reached, which: "final" | "best"): Means {
  const seeds = [...new Set(runs.map(({ seed }) => seed))];
  return new Map(
    seeds.map((seed) => {
      const ofSeed = runs.filter((run) => run.seed === seed).map((run) => run[which]);
      return [seed, spread(ofSeed).mean];
    }),
  );
}
