import { InvalidArgumentError, Option } from "commander";
import { positiveInteger, positiveNumber, seedList } from "#lib/cli/arguments.js";
import { reasonOf } from "#lib/system-error.js";
import { TEST_SEEDS } from "./seeds.js";

/** What every study takes that trains. */
export interface TrainingFlags {
  seeds: readonly number[];
  /** Minutes. */
  budget?: number;
}

export const seedsOption = () =>
  new Option("--seeds <list>", "as 0,1 or 0..4")
    .argParser(seedList)
    .default(TEST_SEEDS, TEST_SEEDS.join(","));

export const budgetOption = () =>
  new Option("--budget <minutes>", "no run begins after them").argParser(positiveNumber);

export const imagesOption = (described = "with train/CLASS/ and test/CLASS/, or a published set") =>
  new Option("--images <dir>", described).makeOptionMandatory();

export const epochsOption = (epochs: number) =>
  new Option("--epochs <n>", "of each run").argParser(positiveInteger).default(epochs);

export const imageSizeOption = (size: number) =>
  new Option("--image-size <pixels>", "side of the network's input").argParser(positiveInteger).default(size);

/** In milliseconds of performance.now(). */
export function deadlineOf({ budget = Infinity }: TrainingFlags): number {
  return performance.now() + budget * 60_000;
}

/** A parser of what stands between commas. @param parse throws an Error that says what it takes */
export function listOf<Value>(parse: (text: string) => Value): (text: string) => Value[] {
  return (text) => {
    try {
      return text.split(",").map(parse);
    } catch (error) {
      throw new InvalidArgumentError(reasonOf(error));
    }
  };
}

/** A parser of one of some names. */
export function oneOf<Name extends string>(names: readonly Name[]): (text: string) => Name {
  return (text) => {
    const name = names.find((known) => known === text);
    if (name !== undefined) return name;
    throw new Error(`It takes ${names.join(", ")}, separated by commas, not "${text}".`);
  };
}
