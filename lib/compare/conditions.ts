import { flatten, textOf } from "../plain-data.js";
import type { RunRecord } from "./read-run.js";

/** What two runs must have alike to differ by their seed alone, by dotted name. */
export type Conditions = Readonly<Record<string, string>>;

/** Options of the trainer that are compared, or change no result. */
const TRAINER: readonly string[] = ["seed", "loss", "metricsEvery"];

/** The same of its recipe, and what is said of the recipe itself. */
const RECIPE: readonly string[] = [
  ...["seed", "loss", "channelHealth"],
  ...["name", "description", "published", "sources"],
];

/** Where the list of images came from; whether it is the same list, its SHA-256 tells. */
const MANIFEST = /^about\.images\.\w+\.manifest\./;

/** Of a run: its network, its recipe, and what its trainer was asked for, without the loss. */
export function conditionsOf({ network, classes, recipe, options, about }: RunRecord): Conditions {
  const settings = without(about["recipe"] as object | undefined, RECIPE);
  const told = { ...without(about, ["command", "recipe"]), recipe: settings };
  const all = { network, classes, recipe, ...without(options, TRAINER), about: told };
  const given = flatten(all).filter(([path, value]) => (value ?? null) !== null && !MANIFEST.test(path));
  const sorted = given.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([path, value]) => [path, textOf(value)]));
}

/** In what each of `all` differs from the others: "epochs 50". */
export function describeDifferences(all: readonly Conditions[]): string[][] {
  const names = [...new Set(all.flatMap((each) => Object.keys(each)))];
  const varying = names.filter((name) => new Set(all.map((each) => each[name])).size > 1);
  return all.map((each) => {
    const texts = varying.flatMap((name) => {
      const value = each[name];
      return value === undefined ? [] : [`${name.split(".").at(-1)} ${shorten(value)}`];
    });
    // The trainer and its command are often asked for the same.
    return [...new Set(texts)];
  });
}

/** A hash's first digits tell it from others. */
function shorten(value: string): string {
  return value.replace(/^([0-9a-f]{12})[0-9a-f]{52}$/, "$1");
}

function without(values: object = {}, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)));
}
