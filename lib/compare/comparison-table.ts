import { formatTable } from "../table.js";
import type { Comparison, Gain, RunGroup } from "./compare-runs.js";
import type { Spread } from "./statistics.js";

/** A comparison for people: percent of the validation images, a row for each group of runs. */
export function comparisonTable({ groups }: Comparison): string {
  const withPublished = groups.some(({ published }) => published !== undefined);
  const header = ["", "seeds", "final %", "best %", "Δ final", "p", "Δ best", "p"];
  const rows = groups.map((group) => [...rowOf(group), ...(withPublished ? [publishedOf(group)] : [])]);
  const table = formatTable([[...header, ...(withPublished ? ["published %"] : [])], ...rows]);
  return [table, ...groups.flatMap(unfinishedRuns)].join("\n");
}

function rowOf({ label, runs, final, best, gain }: RunGroup): string[] {
  return [
    label,
    String(runs.length),
    formatSpread(final),
    formatSpread(best),
    ...(gain ? [...formatGain(gain.final), ...formatGain(gain.best)] : ["", "", "", ""]),
  ];
}

function formatSpread({ mean, std }: Spread): string {
  const middle = (100 * mean).toFixed(2);
  return std === undefined ? middle : `${middle} ± ${(100 * std).toFixed(2)}`;
}

function formatGain({ difference, p }: Gain): [string, string] {
  const sign = difference < 0 ? "−" : "+";
  return [`${sign}${(100 * Math.abs(difference)).toFixed(2)}`, p === undefined ? "" : formatP(p)];
}

function formatP(p: number): string {
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
}

function publishedOf({ published }: RunGroup): string {
  return published === undefined ? "" : (100 * published).toFixed(1);
}

function unfinishedRuns({ runs }: RunGroup): string[] {
  return runs
    .filter(({ epochs, epochsAsked }) => epochs < epochsAsked)
    .map(({ folder, epochs, epochsAsked }) => `${folder} is at epoch ${epochs} of ${epochsAsked}`);
}
