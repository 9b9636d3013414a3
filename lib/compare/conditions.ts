import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { flatten, isRecord, textOf } from "../plain-data.js";
import type { MeasuredRun } from "./measured-run.js";

/** What two runs must have alike to differ by their seed alone, by dotted name. */
export type Conditions = Readonly<Record<string, string>>;

/** Options of the trainer that are compared, or change no result. */
const TRAINER: readonly string[] = ["seed", "loss", "metricsEvery"];

/** The same of its recipe, and what is said of the recipe itself. */
const RECIPE: readonly string[] = [
  ...["seed", "loss", "channelHealth"],
  ...["name", "description", "published", "sources"],
];

/** When images were looked at, and where the list of them came from; whether they are the same, their SHA-256 tells. */
const ORIGIN = /^about\.images\.(time$|\w+\.manifest\.)/;
/** Where images are; the same anywhere, if their contents are. */
const FOLDERS = /^about\.data\.(dir|validation)$/;
/** What of a file's tensors went where, which follows from the file and the network; and the network's name again. */
const FOLLOWS = /^about\.(weights\.(loaded|initialized|unused)\b|recipe\.network\.name$)/;

/** Of a run: its network, its recipe, and what its trainer was asked for, without the loss. */
export function conditionsOf(
  run: Pick<MeasuredRun, "network" | "classes" | "recipe" | "options" | "about">,
): Conditions {
  const { network, classes, recipe, options, about } = run;
  const settings = without(about["recipe"] as object | undefined, RECIPE);
  const told = { ...without(about, ["command", "recipe"]), recipe: settings };
  const all = { network, classes, recipe, ...without(options, TRAINER), about: told };
  const items = flattenItems(all).filter(([, value]) => (value ?? null) !== null);
  const sameAnywhere = items.some(([path]) => path === "about.images.train.contents");
  const ignored = [ORIGIN, FOLLOWS, ...(sameAnywhere ? [FOLDERS] : [])];
  const given = items.filter(([path]) => !ignored.some((pattern) => pattern.test(path)));
  const sorted = given.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([path, value]) => [path, textOf(value)]));
}

/** As flatten(), and into lists of objects, so that what differs in one of them is named alone. */
function flattenItems(data: unknown): [path: string, value: unknown][] {
  return flatten(data).flatMap(([path, value]): [string, unknown][] => {
    if (!Array.isArray(value) || !value.some(isRecord)) return [[path, value]];
    return value.flatMap((item: unknown, index) =>
      flattenItems({ item }).map(([inner, each]): [string, unknown] => {
        return [`${path}[${index}]${inner.slice("item".length)}`, each];
      }),
    );
  });
}

/** In what each of `all` differs from the others: "epochs 50". */
export function describeDifferences(all: readonly Conditions[]): string[][] {
  const varying = varyingValues(all);
  const names = [...varying.keys()];
  return all.map((_, index) =>
    names.flatMap((name) => {
      const value = varying.get(name)?.[index];
      return value === undefined ? [] : [`${shortName(name, names)} ${shorten(value)}`];
    }),
  );
}

/** By name, of what is not the same in all, each one's value. The trainer and its recipe are often asked for the same. */
export function varyingValues(all: readonly Conditions[]): Map<string, (string | undefined)[]> {
  const varying = new Map<string, (string | undefined)[]>();
  for (const full of new Set(all.flatMap((each) => Object.keys(each)))) {
    const values = all.map((each) => each[full]);
    if (new Set(values).size === 1) continue;
    const name = full.replace(/^about\.(recipe\.)?/, "");
    const known = varying.get(name);
    if (!known) varying.set(name, values);
    else if (!isDeepStrictEqual(known, values)) varying.set(full, values);
  }
  return varying;
}

/** The end of a dotted name, as far as it tells it from the others. */
function shortName(name: string, others: readonly string[]): string {
  const parts = name.split(".");
  const ends = parts.map((_, start) => parts.slice(start).join(".")).reverse();
  const isAlone = (end: string) => !others.some((other) => other !== name && `.${other}`.endsWith(`.${end}`));
  return ends.find(isAlone) ?? name;
}

const MOST_LETTERS = 40;
const HASH_LETTERS = 12;

/** A hash's first digits tell it from others. */
export function shortenHash(value: string): string {
  return /^[0-9a-f]{64}$/.test(value) ? value.slice(0, HASH_LETTERS) : value;
}

/** As {@link shortenHash}, and a long value's hash. */
function shorten(whole: string): string {
  const value = shortenHash(whole);
  if (value.length <= MOST_LETTERS) return value;
  return `#${createHash("sha256").update(value).digest("hex").slice(0, HASH_LETTERS)}`;
}

function without(values: object = {}, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)));
}
