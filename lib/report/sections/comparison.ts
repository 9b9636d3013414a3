import { conditionsOf, shortenHash, varyingValues, type Conditions } from "../../compare/conditions.js";
import { describeLoss } from "../../compare/describe-loss.js";
import type { RecordedRun } from "../../run/read-run.js";
import { completeRecordedOptions } from "../../train/trainer-options.js";
import { textOf } from "../../plain-data.js";
import { duration, percent, whole } from "../format.js";
import { html, type Html } from "../html.js";
import type { RunSummary } from "../../compare/summarize-run.js";
import { table } from "./table.js";

const HEADING = [
  "Run",
  "Best accuracy",
  "Last accuracy",
  "Top-5",
  "Balanced",
  "Macro F1",
  "Epochs",
  "Time",
  "Images/s",
];

/** What a run is of, beside its name. */
const FACTS: readonly [string, (summary: RunSummary) => string][] = [
  ["Recipe", ({ recipe }) => recipe],
  ["Network", ({ model, classes }) => `${model}, ${classes} classes`],
  ["Data", ({ data }) => data ?? "not recorded"],
];

/** Several runs beside one another, the best first, and the options in which they differ. */
export function comparisonSection(runs: readonly RecordedRun[], summaries: readonly RunSummary[]): Html {
  const scoresOf = ({ best, last }: RunSummary) => best ?? last;
  const ranked = [...summaries].sort((a, b) => (scoresOf(b)?.accuracy ?? -1) - (scoresOf(a)?.accuracy ?? -1));
  const isShared = ([, valueOf]: (typeof FACTS)[number]) => new Set(summaries.map(valueOf)).size === 1;
  const own = FACTS.filter((fact) => !isShared(fact));
  const shared = FACTS.filter(isShared).map(([name, valueOf]) => {
    return html`<div>
      <dt>${name}</dt>
      <dd>${summaries.slice(0, 1).map(valueOf).join("")}</dd>
    </div>`;
  });
  const rows = ranked.map((summary) => [
    html`${summary.name}${own.map(([, valueOf]) => html`<span class="note">${valueOf(summary)}</span>`)}`,
    percent((summary.best ?? summary.highest)?.accuracy) + noteOf(summary),
    percent(summary.last?.accuracy),
    percent(scoresOf(summary)?.top5Accuracy),
    percent(scoresOf(summary)?.balancedAccuracy),
    percent(scoresOf(summary)?.macroF1),
    `${summary.epochs.done} of ${summary.epochs.planned}`,
    duration(summary.seconds),
    whole(summary.imagesPerSecond),
  ]);
  const differing = differences(runs);
  const names = runs.map(({ name }) => name);
  return html`${table("The runs, the best first; top-5, balanced accuracy and macro F1 are of the best epoch, or of the last where none was chosen", HEADING, rows, "runs")}
  ${shared.length > 0 ? html`<dl class="facts">${shared}</dl>` : undefined}
  ${
    differing.length > 0
      ? table("Options in which they differ", ["Option", ...names], differing, "runs")
      : html`<p>They have the same options.</p>`
  }`;
}

/** What an accuracy is of, where it is not of held-out images that chose the epoch. */
function noteOf({ measuredOn, highest }: RunSummary): string {
  if (measuredOn === "training") return " (training)";
  return highest ? " (not chosen)" : "";
}

function differences(runs: readonly RecordedRun[]): string[][] {
  return [...varyingValues(runs.map(({ info }) => settingsOf(info)))].map(([name, values]) => [
    name,
    ...values.map((value) => shortenHash(value ?? "–")),
  ]);
}

/** What a run was asked for: its loss in words, its seed, and all else. */
function settingsOf({
  model,
  loaders,
  options: recorded,
  about,
  changes = [],
}: RecordedRun["info"]): Conditions {
  const { name: network, classes, sha256: spec } = model;
  const options = completeRecordedOptions(recorded);
  return {
    loss: describeLoss(options["loss"]),
    seed: textOf(options["seed"] ?? 0),
    ...conditionsOf({ network, classes, spec, loaders, options, about: { ...about, changes } }),
  };
}
