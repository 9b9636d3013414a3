import { InvalidArgumentError } from "commander";
import { mixings } from "../train/mixings.js";

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

export function positiveNumber(text: string): number {
  const value = nonNegativeNumber(text);
  if (value > 0) return value;
  throw new InvalidArgumentError("It must be a number above 0.");
}

export function allOrCount(text: string): number | "all" {
  return text === "all" ? text : positiveInteger(text);
}

export function rateOrAuto(text: string): number | "auto" {
  return text === "auto" ? text : nonNegativeNumber(text);
}

/** "mixup,cutmix" */
export function mixingNames(text: string): { type: string }[] {
  return text.split(",").map((name) => {
    if (mixings.names.some((known) => known === name)) return { type: name };
    throw new InvalidArgumentError(`Each must be one of ${mixings.names.join(", ")}.`);
  });
}

/** "0,1,2" or "0..2" */
export function seedList(text: string): number[] {
  const seeds = text.split(",").flatMap(seedRange);
  if (new Set(seeds).size === seeds.length) return seeds;
  throw new InvalidArgumentError("Each seed must be there once.");
}

const MOST_SEEDS = 1000;

/** "3", or "0..2" for 0, 1 and 2. */
function seedRange(text: string): number[] {
  const [first = NaN, last = first, ...others] = text.split("..").map(nonNegativeInteger);
  if (others.length > 0 || last < first || last - first >= MOST_SEEDS) {
    throw new InvalidArgumentError(`A range of seeds is as 0..2, with at most ${MOST_SEEDS}.`);
  }
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
