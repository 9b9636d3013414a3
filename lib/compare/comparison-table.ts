import { invalidArgument } from "../errors.js";
import { checkRecord } from "../check-argument.js";
import { formatTable } from "../table.js";
import type { ComparedRun, Comparison, Gain, RunGroup } from "./compare-runs.js";
import { formatP, percentOf, signedPercent, UNKNOWN } from "./format-figures.js";

/** Two are ranked by their difference. */
const FEWEST_RANKED = 3;

/**
 * A comparison for people: percent of the validation images, a row for each group of runs.
 * @param columns of the terminal: where the table is wider, the rows have numbers and what they are comes below. Default: as
 * many as it needs
 */
export function comparisonTable(comparison: Comparison, columns = Infinity): string {
  checkRecord("comparison", comparison, "what compareRuns() gives");
  const { groups } = comparison;
  if (!Array.isArray(groups)) throw invalidArgument("comparison", "must be what compareRuns() gives");
  const notes = [...groups.flatMap(unfinishedRuns), ...groups.flatMap(repeatedSeeds)];
  const table = tableOf(groups, ({ label }) => label);
  const widest = table.split("\n").reduce((most, line) => Math.max(most, line.length), 0);
  if (widest <= columns) return [table, ...notes].join("\n");
  const numbered = tableOf(groups, (_, index) => `${index + 1}`);
  const labels = groups.map(({ label }, index) => `${index + 1}  ${label}`);
  return [numbered, "", ...labels, ...notes].join("\n");
}

function tableOf(groups: readonly RunGroup[], nameOf: (group: RunGroup, index: number) => string): string {
  const withPublished = groups.some(({ published }) => published !== undefined);
  const withRank = groups.length >= FEWEST_RANKED && groups.every(({ rank }) => rank !== undefined);
  const header = ["", "seeds", "final %", "best %", "Δ final", "p", "Δ best", "p"];
  const more = [...(withRank ? ["rank"] : []), ...(withPublished ? ["published %"] : [])];
  const rows = groups.map((group, index) => [
    nameOf(group, index),
    ...cellsOf(group),
    ...(withRank ? [(group.rank ?? NaN).toFixed(1)] : []),
    ...(withPublished ? [publishedOf(group)] : []),
  ]);
  return formatTable([[...header, ...more], ...rows]);
}

function cellsOf({ runs, final, best, gain }: RunGroup): string[] {
  return [
    String(new Set(runs.map(({ seed }) => seed)).size),
    percentOf(final),
    percentOf(best),
    ...(gain ? [...formatGain(gain.final), ...formatGain(gain.best)] : ["", "", "", ""]),
  ];
}

function formatGain({ difference, p }: Gain): [string, string] {
  if (!Number.isFinite(difference)) return [UNKNOWN, ""];
  return [signedPercent(difference), p === undefined ? "" : formatP(p)];
}

function publishedOf({ published }: RunGroup): string {
  return published === undefined ? "" : (100 * published).toFixed(1);
}

function unfinishedRuns({ runs }: RunGroup): string[] {
  return runs
    .filter(({ finished }) => !finished)
    .map(({ folder, epochs, epochsAsked }) => `${folder} is at epoch ${epochs} of ${epochsAsked}`);
}

function repeatedSeeds({ runs }: RunGroup): string[] {
  const bySeed = new Map<number, ComparedRun[]>();
  for (const run of runs) bySeed.set(run.seed, [...(bySeed.get(run.seed) ?? []), run]);
  return [...bySeed]
    .filter(([, same]) => same.length > 1)
    .map(([seed, same]) => {
      const folders = same.map(({ folder }) => folder).join(" and ");
      return `${folders} are of the same seed, ${seed}: their mean stands for it`;
    });
}
