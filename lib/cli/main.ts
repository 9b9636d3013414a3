import { Command, CommanderError } from "commander";
import { McLossError } from "../errors.js";
import { PACKAGE_VERSION } from "../package-version.js";
import { HELP_STYLES, inRed } from "./colors.js";
import { readCommands } from "./commands.js";

const EXIT = { failed: 1, usage: 2, interrupted: 130 } as const;
// A stack trace helps only those who work on the package.
const DEBUG = process.env["MCLOSS_DEBUG"] !== undefined;

/** Runs the command line and sets the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
export async function run(argv: readonly string[]): Promise<void> {
  exitWithReader(process.stdout);
  const program = await buildProgram(argv);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** A reader that has seen enough, such as head(1), closes the pipe. */
function exitWithReader(stream: NodeJS.WriteStream): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
}

async function buildProgram(argv: readonly string[]): Promise<Command> {
  const program = new Command("mcloss")
    .description("Train fine-grained image classifiers with the Mutual-Channel Loss")
    .version(PACKAGE_VERSION)
    .showHelpAfterError("(--help shows the usage)");
  for (const command of await readCommands(argv)) program.addCommand(command);
  configure(program);
  return program;
}

function configure(command: Command): void {
  command.exitOverride();
  command.configureHelp({ showGlobalOptions: false, ...HELP_STYLES });
  command.commands.forEach(configure);
}

function report(error: unknown): number {
  // commander has printed its message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
  if (error instanceof McLossError) {
    process.stderr.write(`${inRed("mcloss:")} ${error.message}\n`);
    if (DEBUG) console.error(error);
    return error.code === "ERR_ABORTED" ? EXIT.interrupted : EXIT.failed;
  }
  console.error(error);
  return EXIT.failed;
}
