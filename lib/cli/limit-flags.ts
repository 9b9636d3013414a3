import { Option, type Command } from "commander";
import { TRAINING_LIMITS, type ImageLimitOptions } from "../image/limits.js";
import { positiveInteger } from "./arguments.js";

interface LimitFlag {
  /** What it is in TypeScript, and in a recipe. */
  key: keyof ImageLimitOptions;
  option: Option;
}

function limit(flags: string, key: keyof ImageLimitOptions, text: string): LimitFlag {
  const option = new Option(flags, `${text} (default: ${TRAINING_LIMITS[key]})`).argParser(positiveInteger);
  return { key, option };
}

/** How large images may be that are read. */
export const LIMIT_FLAGS: readonly LimitFlag[] = [
  limit("--max-pixels <n>", "limitInputPixels", "images of more pixels are bad"),
  limit("--max-side <pixels>", "limitInputSide", "images that are higher or wider are bad"),
  limit("--max-image-bytes <n>", "limitInputBytes", "images that take more memory to decode are bad"),
];

/** Adds the options to a command whose images are of no recipe. */
export function addLimitFlags(command: Command): Command {
  return LIMIT_FLAGS.reduce((built, { option }) => built.addOption(option), command);
}

/** The flags of a command but for the limits. */
export function withoutLimits<Flags extends object>(flags: Flags): Flags {
  const names = new Set(LIMIT_FLAGS.map(({ option }) => option.attributeName()));
  return Object.fromEntries(Object.entries(flags).filter(([name]) => !names.has(name))) as Flags;
}

/** The limits that were given. */
export function limitsOf(flags: object): ImageLimitOptions {
  const given = flags as Readonly<Record<string, number | undefined>>;
  const limits = LIMIT_FLAGS.map(({ key, option }) => [key, given[option.attributeName()]] as const);
  return Object.fromEntries(limits.filter(([, value]) => value !== undefined));
}
