import { TEST_SEEDS } from "../seeds.js";
import { listItem } from "../page-text.js";
import { readArm } from "./comparison.js";
import { conclude, concludeAblations, concludeStrongest } from "./conclusions.js";
import { listTrials } from "./plan.js";
import { resultsOf } from "./results.js";
import { STUDIES, type Study } from "./studies.js";
import { tabulateTests, tabulateTrials } from "./tables.js";

/** What the studies of drawings and clothes found, a sentence each; nothing where nothing was tested. */
export function concludeDrawings(): string[] {
  return [
    ...Object.entries(STUDIES).flatMap(([name, study]) => conclude(name, study)),
    ...concludeStrongest(),
  ];
}

/** Their tables, in Markdown. */
export function describeDrawings(): string[] {
  return Object.entries(STUDIES).flatMap(([name, study]) => describeStudy(name, study));
}

function describeStudy(name: string, study: Study): string[] {
  const tests = tabulateTests(name, study);
  const trials = tabulateTrials(name, study);
  if (tests.length + trials.length === 0) return [];
  const ablations = concludeAblations(name, study).map(listItem);
  return [`## ${study.title}`, "", ...tests, ...ablations, "", ...trials];
}

/** What they have and was not run. */
export function listDrawingsMissing(): string[] {
  return Object.entries(STUDIES).flatMap(([name, study]) => listMissing(name, study));
}

function listMissing(name: string, study: Study): string[] {
  const trials = listTrials(study).filter((run) => !resultsOf(name).has(run)).length;
  const tests = study.tested
    .flatMap((tested) => study.losses.map((loss) => readArm(name, study, loss, tested)?.tests.size ?? 0))
    .reduce((sum, done) => sum + Math.max(0, TEST_SEEDS.length - done), 0);
  const parts = [...(trials > 0 ? [`${trials} trials`] : []), ...(tests > 0 ? [`${tests} tests`] : [])];
  return parts.length === 0 ? [] : [`\`${name}\`: ${parts.join(", ")}`];
}
