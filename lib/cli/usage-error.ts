import type { Command } from "commander";
import { McLossError } from "../errors.js";
import { inCommandLine } from "./option-language.js";

/** Ends the command as wrong usage where an argument is wrong; what is wrong in a file is thrown on. */
export function usageError(error: unknown, command: Command): never {
  if (error instanceof McLossError && error.code === "ERR_ARGUMENT" && error.path === undefined) {
    command.error(`error: ${inCommandLine(error, command)}`);
  }
  throw error;
}
