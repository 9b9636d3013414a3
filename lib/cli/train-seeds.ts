import { describeLoss } from "../compare/describe-loss.js";
import { trainSeeds as trainEach } from "../compare/train-seeds.js";
import { seriesTable } from "../compare/summarize-series.js";
import { writeTableFiles } from "../compare/write-table.js";
import type { Device } from "../native/dtype.js";
import type { Recipe } from "../recipes/recipe.js";
import type { RecipeData } from "../recipes/recipe-training.js";
import { printJson } from "./format.js";
import { interruptSignal } from "./interrupt.js";
import { printLine } from "./progress.js";
import { trainRun } from "./train-folder.js";

interface SeedsOptions extends RecipeData {
  device: Device | "auto";
  out: string;
  json?: boolean;
}

/** `mcloss train --seeds`. */
export async function trainSeeds(
  recipe: Recipe,
  seeds: readonly number[],
  { device, out, json, ...data }: SeedsOptions,
): Promise<void> {
  const signal = interruptSignal();
  const { seed, ...settings } = recipe;
  const summary = await trainEach({
    seeds,
    output: out,
    settings: { ...data, recipe: settings },
    train: async ({ seed: own, output, resume }) => {
      printLine(`seed ${own}`);
      await trainRun({ ...recipe, seed: own }, { ...data, device, output, signal, resume });
    },
  });
  const name = recipe.name === "default" ? recipe.network.name : recipe.name;
  const table = seriesTable(summary, `${name}, ${describeLoss(recipe.loss)}`);
  const text = await writeTableFiles(out, table, summary);
  if (json) printJson(summary);
  else process.stdout.write(`${text}\n`);
}
