import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import { concludeDrawings, describeDrawings, listDrawingsMissing } from "./drawings/describe.js";
import { INTRODUCTION } from "./drawings/introduction.js";
import { describeFineTuning } from "./finetune/describe.js";
import { listItem } from "./page-text.js";
import { describePhotos } from "./photos/describe.js";
import { concludeScratch, describeScratch, listScratchMissing } from "./scratch/describe.js";
import { describeGradients } from "./scratch/describe-gradients.js";

const NOTHING =
  "No pair of runs has been tested yet, so nothing is known; the trials below are what settings are chosen by.";

/** Writes docs/results.md from the results' lines. */
export async function writeReport(): Promise<void> {
  const path = fileURLToPath(new URL("../../docs/results.md", import.meta.url));
  const conclusions = [...concludeDrawings(), ...concludeScratch()];
  const text = [
    INTRODUCTION,
    "## In short",
    ...(conclusions.length === 0 ? [NOTHING] : conclusions.map(listItem)),
    "",
    ...describeDrawings(),
    ...describeScratch(),
    ...describeGradients(),
    ...describePhotos(),
    ...describeFineTuning(),
    "## Not run yet",
    ...[...listDrawingsMissing(), ...listScratchMissing()].map(listItem),
    "",
    "The paper's own data sets are in no package registry; their recipes wait for whoever has the images.",
  ].join("\n");
  await writeFile(path, await format(text, { ...(await resolveConfig(path)), parser: "markdown" }));
}
