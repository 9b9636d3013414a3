import { flattenTexts } from "../../plain-data.js";
import { duration, percent, whole } from "../format.js";
import { html, type Html } from "../html.js";
import type { RecordedRun } from "../../compare/recorded-run.js";
import type { RunSummary } from "../summarize-run.js";
import { table } from "./table.js";

const HEADING = [
  "Run",
  "Best accuracy",
  "Last accuracy",
  "Top-5",
  "Macro F1",
  "Epochs",
  "Time",
  "Images/s",
  "Recipe",
  "Network",
  "Data",
];

/** Several runs beside one another, the best first, and the options in which they differ. */
export function comparisonSection(runs: readonly RecordedRun[], summaries: readonly RunSummary[]): Html {
  const ranked = [...summaries].sort((a, b) => (b.best?.accuracy ?? -1) - (a.best?.accuracy ?? -1));
  const rows = ranked.map((summary) => [
    summary.name,
    percent(summary.best?.accuracy) + (summary.measuredOn === "training" ? " (training)" : ""),
    percent(summary.last?.accuracy),
    percent(summary.best?.top5Accuracy),
    percent(summary.best?.macroF1),
    `${summary.epochs.done} of ${summary.epochs.planned}`,
    duration(summary.seconds),
    whole(summary.imagesPerSecond),
    summary.recipe,
    `${summary.model}, ${summary.classes} classes`,
    summary.data ?? "–",
  ]);
  const differing = differences(runs);
  const names = runs.map(({ name }) => name);
  return html`${table("The runs, the best first; top-5 and macro F1 are of the best epoch", HEADING, rows)}
  ${
    differing.length > 0
      ? table("Options in which they differ", ["Option", ...names], differing)
      : html`<p>They have the same options.</p>`
  }`;
}

function differences(runs: readonly RecordedRun[]): string[][] {
  const options = runs.map(({ info }) => new Map(flattenTexts(info.options)));
  const names = [...new Set(options.flatMap((map) => [...map.keys()]))].sort();
  return names
    .map((name) => [name, ...options.map((map) => map.get(name) ?? "–")])
    .filter(([, ...values]) => new Set(values).size > 1);
}
