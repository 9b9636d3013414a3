import { Command } from "commander";
import { printJson } from "../format.js";

export function doctorCommand(): Command {
  return new Command("doctor")
    .option("--json", "print the findings as JSON")
    .addHelpText("after", "\nExamples:\n  mcloss doctor\n  mcloss doctor --json")
    .action(async (flags: { json?: boolean }) => {
      const { diagnose, formatDiagnosis } = await import("../../setup/doctor.js");
      const diagnosis = await diagnose();
      if (flags.json) printJson(diagnosis);
      else process.stdout.write(`${formatDiagnosis(diagnosis)}\n`);
      if (diagnosis.problems.length > 0) process.exitCode = 1;
    });
}
