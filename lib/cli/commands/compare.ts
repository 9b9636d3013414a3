import { Command } from "commander";
import { printJson } from "../format.js";

export function compareCommand(): Command {
  return new Command("compare")
    .argument("<runs...>", "runs' folders")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nΔ is the gain over cross-entropy alone with the same recipe, network and data; p is that of the two-sided\n" +
        "paired t-test over the seeds that both have.\n" +
        "\nExample:\n  mcloss compare runs/ce-* runs/mc-*",
    )
    .action(compare);
}

async function compare(folders: string[], { json }: { json?: boolean }): Promise<void> {
  const { compareRuns } = await import("../../compare/compare-runs.js");
  const { comparisonTable } = await import("../../compare/comparison-table.js");
  const comparison = await compareRuns(folders);
  if (json) return printJson(comparison);
  process.stdout.write(`${comparisonTable(comparison, process.stdout.columns)}\n`);
}
