import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import { readArm } from "./comparison.js";
import { listTrials } from "./plan.js";
import { describeFineTuning } from "./finetune/describe.js";
import { describePhotos } from "./photos/describe.js";
import { describeScratch, listScratchMissing } from "./scratch/describe.js";
import { describeGradients } from "./scratch/describe-gradients.js";
import { conclude, concludeAblations, concludeStrongest } from "./report/conclusions.js";
import { INTRODUCTION } from "./report/introduction.js";
import { tabulateTests, tabulateTrials } from "./report/tables.js";
import { resultsOf } from "./results.js";
import { STUDIES, TEST_SEEDS, type Study } from "./studies.js";

const NOTHING =
  "No pair of runs has been tested yet, so nothing is known; the trials below are what settings are chosen by.";

/** Writes docs/results.md from the results' lines. */
export async function writeReport(): Promise<void> {
  const path = fileURLToPath(new URL("../../docs/results.md", import.meta.url));
  const studies = Object.entries(STUDIES);
  const conclusions = studies.flatMap(([name, study]) => conclude(name, study));
  const text = [
    INTRODUCTION,
    "## In short",
    ...(conclusions.length === 0 ? [NOTHING] : [...conclusions, ...concludeStrongest()].map(listItem)),
    "",
    ...studies.flatMap(([name, study]) => describeStudy(name, study)),
    ...describeScratch(),
    ...describeGradients(),
    ...describePhotos(),
    ...describeFineTuning(),
    "## Not run yet",
    ...studies.flatMap(([name, study]) => listMissing(name, study)).map(listItem),
    ...listScratchMissing().map(listItem),
    "",
    "The paper's own data sets are in no package registry; their recipes wait for whoever has the images.",
  ].join("\n");
  await writeFile(path, await format(text, { ...(await resolveConfig(path)), parser: "markdown" }));
}

function describeStudy(name: string, study: Study): string[] {
  const tests = tabulateTests(name, study);
  const trials = tabulateTrials(name, study);
  if (tests.length + trials.length === 0) return [];
  const ablations = concludeAblations(name, study).map(listItem);
  return [`## ${study.title}`, "", ...tests, ...ablations, "", ...trials];
}

function listMissing(name: string, study: Study): string[] {
  const trials = listTrials(study).filter((run) => !resultsOf(name).has(run)).length;
  const tests = study.tested
    .flatMap((tested) => study.losses.map((loss) => readArm(name, study, loss, tested)?.tests.size ?? 0))
    .reduce((sum, done) => sum + Math.max(0, TEST_SEEDS.length - done), 0);
  const parts = [...(trials > 0 ? [`${trials} trials`] : []), ...(tests > 0 ? [`${tests} tests`] : [])];
  return parts.length === 0 ? [] : [`\`${name}\`: ${parts.join(", ")}`];
}

function listItem(line: string): string {
  return `- ${line}`;
}
