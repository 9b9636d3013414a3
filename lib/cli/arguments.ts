import { InvalidArgumentError } from "commander";

/** Parsers for commander's option values. */

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a positive integer.");
}

export function nonNegativeInteger(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError("It must be an integer of at least 0.");
}

export function portNumber(text: string): number {
  const value = nonNegativeInteger(text);
  if (value <= 65_535) return value;
  throw new InvalidArgumentError("It must be an integer from 0 to 65535.");
}

export function nonNegativeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError("It must be a number of at least 0.");
}

/** "0,1,2" */
export function seedList(text: string): number[] {
  const seeds = text.split(",").map(nonNegativeInteger);
  if (new Set(seeds).size === seeds.length) return seeds;
  throw new InvalidArgumentError("Each seed must be there once.");
}
