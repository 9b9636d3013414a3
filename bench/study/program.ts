import { Argument, Command } from "commander";
import { interruptSignal } from "#lib/cli/interrupt.js";
import { native } from "#lib/native/binding.js";
import { budgetOption, deadlineOf, seedsOption, type TrainingFlags } from "./command-options.js";
import { fineTuneCommand } from "./finetune/command.js";
import { photosCommands } from "./photos/commands.js";
import { writeReport } from "./report.js";
import { runStudy } from "./drawings/run.js";
import { scratchCommands } from "./scratch/commands.js";
import { STUDIES } from "./drawings/studies.js";

/** The studies as commands. */
export function studyProgram(): Command {
  const program = new Command("npm run study --")
    .description("Studies of the loss; each goes on where it was.")
    .enablePositionalOptions()
    .showHelpAfterError("(npm run study -- --help lists the studies)")
    .addArgument(new Argument("[names...]", "studies of drawings and clothes").choices(Object.keys(STUDIES)))
    .addOption(seedsOption())
    .addOption(budgetOption())
    .action(async (names: readonly string[], flags: TrainingFlags, command: Command) => {
      if (names.length === 0) command.help({ error: true });
      native().threads(1);
      const deadline = deadlineOf(flags);
      for (const name of names) await runStudy(name, { seeds: flags.seeds, deadline }, interruptSignal());
    });
  for (const command of [...photosCommands(), ...scratchCommands(), fineTuneCommand(), reportCommand()]) {
    program.addCommand(command);
  }
  return program;
}

function reportCommand(): Command {
  return new Command("report").description("write docs/results.md from the results").action(writeReport);
}
