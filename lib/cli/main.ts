import { Command, CommanderError } from "commander";
import { McLossError } from "../errors.js";
import { PACKAGE_VERSION } from "../package.js";
import { isSystemError, reasonOf } from "../system-error.js";
import { HELP_STYLES, inRed } from "./colors.js";
import { readCommands } from "./commands.js";
import { withHint } from "./usage-hints.js";

const EXIT = { failed: 1, usage: 2, interrupted: 130 } as const;
// A stack trace helps only those who work on the package.
const DEBUG = process.env["MCLOSS_DEBUG"] !== undefined;

/** Runs the command line and sets the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
export async function run(argv: readonly string[]): Promise<void> {
  exitWithReader(process.stdout);
  const program = await buildProgram(argv);
  let current = program;
  program.hook("preAction", (_, command) => {
    current = command;
    refuseEmpty(command);
  });
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = await report(error, current);
    // Of several processes: what waits for one that is gone would hold this one for minutes.
    if (isOneOfSeveral()) process.exit();
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
    .version(PACKAGE_VERSION);
  for (const command of await readCommands(argv)) program.addCommand(command);
  configure(program);
  return program;
}

function configure(command: Command): void {
  command.exitOverride();
  command.configureHelp({ showGlobalOptions: false, ...HELP_STYLES });
  command.configureOutput({ outputError: (text, write) => write(withHint(text, command)) });
  command.showHelpAfterError(`(${fullName(command)} --help shows the usage)`);
  command.commands.forEach(configure);
}

function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}

/** An empty text, as an unset variable of a script leaves, would stand for this folder. */
function refuseEmpty(command: Command): void {
  for (const option of command.options) {
    const value: unknown = command.getOptionValue(option.attributeName());
    if ([value].flat().includes("")) command.error(`error: option '${option.flags}' is empty`);
  }
  command.processedArgs.forEach((value: unknown, index) => {
    const name = command.registeredArguments[index]?.name() ?? "";
    if ([value].flat().includes("")) command.error(`error: argument '${name}' is empty`);
  });
}

/** @returns the exit code */
async function report(error: unknown, command: Command): Promise<number> {
  // commander has printed its message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
  const { stopBars } = await import("./progress.js");
  stopBars();
  if (isAbort(error)) {
    process.stderr.write(`${inRed("mcloss:")} interrupted\n`);
    return EXIT.interrupted;
  }
  const message = await describeError(error, command);
  if (!(await isToldElsewhere(message))) process.stderr.write(`${inRed("mcloss:")} ${message}\n`);
  if (DEBUG) console.error(error);
  return error instanceof McLossError && error.code === "ERR_ABORTED" ? EXIT.interrupted : EXIT.failed;
}

/** As launchers and Slurm say it. */
function isOneOfSeveral(): boolean {
  return (process.env["RANK"] ?? process.env["SLURM_PROCID"]) !== undefined;
}

/** By whatever started this process as one of several, which hears it from each. */
async function isToldElsewhere(message: string): Promise<boolean> {
  if (!isOneOfSeveral()) return false;
  const { reportFailure } = await import("../distributed/rank-process.js");
  return reportFailure(message);
}

/** Of node:stream and others, rather than of this package, whose errors say what was interrupted. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError" && !(error instanceof McLossError);
}

async function describeError(error: unknown, command: Command): Promise<string> {
  if (error instanceof McLossError) {
    // It reads the recipes' options, which most commands do without.
    const { inCommandLine } = await import("./option-language.js");
    return inCommandLine(error, command);
  }
  if (isSystemError(error)) {
    const { path } = error as NodeJS.ErrnoException;
    return `cannot read or write ${path ?? "a file"}: ${reasonOf(error)}`;
  }
  const advice = "This is a fault of mcloss: with MCLOSS_DEBUG=1 it tells where; please report it";
  return `${error instanceof Error ? error.message : String(error)}. ${advice}`;
}
