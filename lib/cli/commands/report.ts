import { Command } from "commander";
import { trustOption } from "../dataset-options.js";
import { printJson } from "../format.js";
import { interruptSignal } from "../interrupt.js";
import { lateProgress } from "../progress.js";
import { portOption, watchOption, watchUntilInterrupted, type WatchFlags } from "../watch.js";

interface ReportFlags extends WatchFlags {
  out: string;
  images?: string[];
  trustCode?: boolean;
  json?: boolean;
}

export function reportCommand(): Command {
  return new Command("report")
    .argument("<runs...>", "folders of runs, such as runs/birds")
    .option("--out <file>", "the file to write", "report.html")
    .option(
      "--images <paths...>",
      "a data set or manifest whose most confused classes are shown, or images whose channels are",
    )
    .addOption(watchOption("serve the page instead, updating it as the run goes on, until Ctrl-C"))
    .addOption(portOption())
    .addOption(trustOption())
    .option("--json", "print the runs' figures as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  mcloss report runs/birds\n" +
        "  mcloss report runs/birds --images photos/test --out birds.html\n" +
        "  mcloss report runs/ce runs/mc --out comparison.html\n" +
        "  mcloss report runs/birds --watch",
    )
    .action(report);
}

async function report(runs: string[], flags: ReportFlags, command: Command): Promise<void> {
  const { out, images, trustCode, json, watch, port } = flags;
  if (watch) {
    const [run, ...others] = runs;
    if (run === undefined || others.length > 0) command.error("error: --watch takes one run");
    return watchUntilInterrupted(run, port);
  }
  const { writeReport } = await import("../../report/write-report.js");
  const { onProgress, stop } = lateProgress();
  const options = { signal: interruptSignal(), onProgress, trustCode, images };
  const { path, runs: summaries } = await writeReport(runs, out, options).finally(stop);
  if (json) printJson({ report: path, runs: summaries });
  else process.stdout.write(`report ${path}\n`);
}
