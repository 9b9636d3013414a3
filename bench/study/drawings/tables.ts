import { accuracies, readArm, type Arm } from "./comparison.js";
import { LOSS_LABELS } from "./losses.js";
import { spread } from "#lib/compare/statistics.js";
import { chooseSetting, findTrial, listTrials } from "./plan.js";
import { resultsOf, type Result } from "./results.js";
import type { Setting, Study } from "./studies.js";
import { readWhole } from "./conclusions.js";
import { maximum, minimum } from "#lib/extremes.js";
import { percent, row } from "../page-text.js";

/** What has been tested, in Markdown; nothing where nothing has. */
export function tabulateTests(name: string, study: Study): string[] {
  const arms = study.tested.flatMap((tested) => {
    const ours = study.losses.flatMap((loss) => readArm(name, study, loss, tested) ?? []);
    const isAblation = !study.losses.includes("ce");
    return isAblation && ours.length > 0 ? [...readWhole(study, tested), ...ours] : ours;
  });
  if (arms.length === 0) return [];
  return [
    row([
      "division",
      "loss",
      "learning rate, epochs",
      "chosen by",
      "test accuracy by seed, %",
      "mean ± std",
      "groups alone",
    ]),
    row(["-", "-", "-", "-:", "-", "-:", "-:"]),
    ...arms.map((arm) => row(testCells(arm))),
    "",
  ];
}

function testCells(arm: Arm): string[] {
  const { division, loss, setting, tuned, tests } = arm;
  const scores = accuracies(arm);
  const { mean, std } = spread(scores);
  const deviation = std === undefined ? "" : ` ± ${std.toFixed(1)}`;
  const groups = [...tests.values()].map(({ held }) => held["test"]?.groupAccuracy ?? NaN);
  return [
    division,
    LOSS_LABELS[loss],
    `${setting.learningRate}, ${setting.epochs}`,
    percent(tuned),
    scores.map((score) => score.toFixed(1)).join(", "),
    mean.toFixed(1) + deviation,
    percent(spread(groups).mean),
  ];
}

/** What each loss chose from. */
export function tabulateTrials(name: string, study: Study): string[] {
  const results = resultsOf(name).read();
  if (listTrials(study).length === 0 || results.length === 0) return [];
  const parts = study.tested.map(({ tunedBy }) => tunedBy);
  const of = parts.length > 1 ? ` for splits ${parts.join(" / ")}` : "";
  return [
    `Held-out accuracy of the trials${of}, %:`,
    "",
    row(["learning rate, epochs", LOSS_LABELS.ce, LOSS_LABELS.mc]),
    row(["-", "-:", "-:"]),
    ...study.grid.map((setting) => {
      const scores = (["ce", "mc"] as const).map((loss) => {
        const trial = findTrial(results, loss, setting);
        return trial ? parts.map((part) => percent(trial.held[part]?.accuracy ?? NaN)).join(" / ") : "-";
      });
      return row([`${setting.learningRate}, ${setting.epochs}`, ...scores]);
    }),
    "",
    ...noteEdges(results, study),
  ];
}

/** A best setting at the edge of the grid may not be the best there is. */
function noteEdges(trials: readonly Result[], study: Study): string[] {
  const edges = (["ce", "mc"] as const).filter((loss) =>
    study.tested.some((tested) => isAtEdge(chooseSetting(study, trials, loss, tested), study.grid)),
  );
  if (edges.length === 0) return [];
  const names = edges.map((loss) => LOSS_LABELS[loss]).join(" and ");
  return [`At the edge of the grid, so that still better settings may lie beyond it: ${names}.`, ""];
}

function isAtEdge(setting: Setting | undefined, grid: readonly Setting[]): boolean {
  if (!setting) return false;
  const rates = grid.map(({ learningRate }) => learningRate);
  const epochs = grid.map((other) => other.epochs);
  return (
    setting.epochs === maximum(epochs) || [minimum(rates), maximum(rates)].includes(setting.learningRate)
  );
}
