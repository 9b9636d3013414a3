import { Option, type Command } from "commander";
import { allOrCount, nonNegativeInteger, positiveInteger, positiveNumber } from "./arguments.js";

/** Options of a training on several processes. */
export interface ProcessFlags {
  processes?: number;
  devices?: number | "all";
  distributedTimeout?: number;
  maxRestarts?: number;
}

export function addProcessOptions(command: Command): Command {
  return command
    .option(
      "--processes <n>",
      "train with so many processes on this machine, which share every batch",
      positiveInteger,
    )
    .addOption(
      new Option("--devices <n>", "train with a process on each of so many GPUs, or on all")
        .argParser(allOrCount)
        .conflicts("processes"),
    )
    .option(
      "--distributed-timeout <seconds>",
      "how long processes wait for one another (default: 600)",
      positiveNumber,
    )
    .option(
      "--max-restarts <n>",
      "how often all processes are started anew, from the last checkpoint, after one failed (default: 0)",
      nonNegativeInteger,
    );
}

/** What asks for a supervisor, as it is written. */
const SUPERVISED = ["processes", "devices", "maxRestarts"] as const satisfies readonly (keyof ProcessFlags)[];

/** Whether this process is to start others. Those that it starts have the same options, and are not. */
export function wantsSupervisor(
  flags: ProcessFlags,
  { launcher, worldSize }: { launcher: string; worldSize: number },
  command: Command,
): boolean {
  const asked = SUPERVISED.find((name) => flags[name] !== undefined);
  if (asked === undefined || launcher === "mcloss") return false;
  if (worldSize > 1) {
    const option = command.options.find((one) => one.attributeName() === asked);
    command.error(
      `error: ${launcher} has started this process as one of ${worldSize}: leave out ${option?.long ?? asked}`,
    );
  }
  return true;
}
