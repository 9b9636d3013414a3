import { Command, CommanderError } from "commander";
import { createRequire } from "node:module";
import { McLossError } from "../errors.js";
import { demoCommand } from "./commands/demo.js";
import { doctorCommand } from "./commands/doctor.js";
import { evalCommand } from "./commands/eval.js";
import { predictCommand } from "./commands/predict.js";
import { setupCommand } from "./commands/setup.js";
import { trainCommand } from "./commands/train.js";

const EXIT = { failed: 1, usage: 2, interrupted: 130 } as const;
// A stack trace helps only those who work on the package.
const DEBUG = process.env["MCLOSS_DEBUG"] !== undefined;

/** Runs the command line and sets the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
export async function run(argv: readonly string[]): Promise<void> {
  const program = buildProgram();
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = report(error);
  }
}

function buildProgram(): Command {
  const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };
  const program = new Command("mcloss")
    .description("Train fine-grained image classifiers with the Mutual-Channel Loss")
    .version(version)
    .showHelpAfterError("(--help shows the usage)");
  const commands = [demoCommand, trainCommand, evalCommand, predictCommand, setupCommand, doctorCommand];
  for (const build of commands) program.addCommand(build());
  for (const command of [program, ...program.commands]) {
    command.exitOverride();
    command.configureHelp({ showGlobalOptions: false });
  }
  return program;
}

function report(error: unknown): number {
  // commander has printed its message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
  if (error instanceof McLossError) {
    process.stderr.write(`mcloss: ${error.message}\n`);
    if (DEBUG) console.error(error);
    return error.code === "ERR_ABORTED" ? EXIT.interrupted : EXIT.failed;
  }
  console.error(error);
  return EXIT.failed;
}
