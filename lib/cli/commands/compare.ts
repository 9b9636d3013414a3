import { Command } from "commander";
import { printJson } from "../format.js";

export function compareCommand(): Command {
  return new Command("compare")
    .argument("<runs...>", "folders of runs, such as runs/birds")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nA row is the runs that differ by their seed alone: the validation accuracy\n" +
        "after the last epoch (final) and the highest (best), as mean ± standard\n" +
        "deviation over seeds. Δ is the gain over cross-entropy alone with the same\n" +
        "recipe, network and data; p is that of the two-sided paired t-test over the\n" +
        "seeds that both have.\n" +
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
