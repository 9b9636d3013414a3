import type { Command, Option } from "commander";
import type { McLossError } from "../errors.js";
import { RECIPE_KEYS } from "./recipe-flags.js";

/** Names in TypeScript of what the command line calls otherwise, by the options' attribute names. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  output: "out",
  maxBatch: "batchSize",
  classIndex: "class",
};

/**
 * An error's message in the words of the command line. Errors name an option first, or advise `{ name: value }`, `the option
 * name` or `set key to value`; "or" with an option that the command lacks is left out.
 */
export function inCommandLine({ message, argument, path }: McLossError, command: Command): string {
  const flagOf = (name: string) => optionOf(name, command)?.long ?? undefined;
  const advice = (whole: string, name: string, value: string) => {
    const option = optionOf(name, command);
    return option?.long == null ? whole : flagWith(option, value, path);
  };
  const advised = message
    .replaceAll(/,? or [^,;:.{]*\(?\{ ([\w.]+): [^}]+ \}\)?/g, (whole, name: string) =>
      flagOf(name) ? whole : "",
    )
    .replaceAll(/\{ ([\w.]+): ("?[^"{}]+"?) \}(?: \(--[\w-]+\))?/g, advice)
    .replaceAll(/\bset ([\w.]+) to ([\w./-]+)/g, (whole, key: string, value: string) => {
      const option = optionOf(key, command);
      if (option) return `give ${flagWith(option, value, path)}`;
      return optionOf("set", command) ? `give --set ${key}=${value}` : whole;
    })
    .replaceAll(/\b(?:the )?option (\w+)/g, (whole, name: string) => flagOf(name) ?? whole);
  return nameFirst(advised, argument, command);
}

/** The option that `name` is in TypeScript, or in a recipe. */
function optionOf(name: string, command: Command): Option | undefined {
  const attribute = OTHER_NAMES[name] ?? RECIPE_KEYS.get(name) ?? name;
  return command.options.find((option) => option.attributeName() === attribute);
}

function flagWith({ long, required }: Option, value: string, path: string | undefined): string {
  if (!required) return long ?? "";
  return `${long ?? ""} ${value === "true" ? (path ?? "") : value.replaceAll('"', "")}`.trimEnd();
}

/** A message begins with the name of the argument at fault, which is the option's where that was given. */
function nameFirst(message: string, argument: string | undefined, command: Command): string {
  if (argument === undefined || !(message.startsWith(`${argument} `) || message.startsWith(`${argument}:`)))
    return message;
  const option = optionOf(argument, command);
  if (!option?.long || command.getOptionValueSource(option.attributeName()) !== "cli") return message;
  return option.long + message.slice(argument.length);
}
