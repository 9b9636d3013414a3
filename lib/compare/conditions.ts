import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { isRecord, textOf } from "../plain-data.js";
import { TRAINER_KEYS } from "../recipes/trainer-keys.js";
import { completeLoss } from "./complete-loss.js";
import type { MeasuredRun } from "./measured-run.js";

/** What two runs must have alike to differ by their seed alone, by dotted name. */
export type Conditions = Readonly<Record<string, string>>;

/** Options of the trainer that are compared, or change no result. */
const TRAINER: readonly string[] = ["seed", "loss", "metricsEvery"];

/** A loader's own is mostly that of the run. */
const SEED: readonly string[] = ["seed"];
/** And how many images are judged at once changes nothing where all are. */
const JUDGING: readonly string[] = [...SEED, "batchSize"];
/** Where the conditions of a recipe's run have what the recipe says. */
const RECIPE_PATH = "about.recipe.";

/** What is said of a recipe itself, its key that changes no result, and those that the trainer's options have. */
const RECIPE: readonly string[] = [
  ...["name", "description", "published", "sources", "channelHealth"],
  ...TRAINER_KEYS,
];

/** When images were looked at, and where the list of them came from; whether they are the same, their SHA-256 tells. */
const ORIGIN = /^about\.images\.(time$|\w+\.manifest\.)/;
/** Where images are; the same anywhere, if their contents are. */
const FOLDERS = /^about\.data\.(dir|validation)$/;
/** What of a file's tensors went where, which follows from the file and the network; and the network's name again. */
const FOLLOWS = /^about\.(weights\.(loaded|initialized|unused)\b|recipe\.network\.name$)/;

type Conditioned = Pick<
  MeasuredRun,
  "network" | "classes" | "spec" | "recipe" | "loaders" | "options" | "about"
>;

/** Of a run: its network, its recipe, its batches, and what its trainer was asked for, without the loss. */
export function conditionsOf(run: Conditioned): Conditions {
  return Object.fromEntries(conditionItems(run).map(([path, value]) => [pathText(path), textOf(value)]));
}

/** Whether two runs have the same conditions and minimise the same, in a text that is the same then and only then. */
export function configurationOf(run: Conditioned & Pick<MeasuredRun, "loss">): string {
  return JSON.stringify([conditionItems(run), sorted(itemsOf(completeLoss(run.loss)))]);
}

/** As {@link configurationOf}, whatever they minimise. */
export function conditionsText(run: Conditioned): string {
  return JSON.stringify(conditionItems(run));
}

function conditionItems({ network, classes, spec, recipe, loaders, options, about }: Conditioned): Item[] {
  const { train, validation } = loaders ?? {};
  const settings = without(about["recipe"] as object | undefined, RECIPE);
  const told = { ...without(about, ["command", "recipe"]), recipe: settings };
  // A recipe says what its network is.
  const unnamed = about["recipe"] === undefined ? { spec } : {};
  const all = {
    network,
    classes,
    ...unnamed,
    recipe,
    ...without(options, TRAINER),
    about: told,
    loaders: {
      train: without(train, SEED),
      validation: without(validation, validation?.dropLast ? SEED : JUDGING),
    },
  };
  const items = itemsOf(all).map((item) => [pathText(item[0]), item] as const);
  const sameAnywhere = items.some(([path]) => path === "about.images.train.contents");
  const ignored = [ORIGIN, FOLLOWS, ...(sameAnywhere ? [FOLDERS] : [])];
  const kept = items.filter(([path]) => !ignored.some((pattern) => pattern.test(path)));
  return sorted(kept.map(([, item]) => item));
}

/** A value in plain data, and where it is. */
type Item = readonly [path: readonly (string | number)[], value: unknown];

/** The values of plain data, where it has them; a list that is of no objects is one value. */
function itemsOf(data: unknown, path: Item[0] = []): Item[] {
  if ((data ?? null) === null) return [];
  const inner = isRecord(data) ? Object.entries(data) : isList(data) ? [...data.entries()] : [];
  if (inner.length === 0) return path.length === 0 || isRecord(data) ? [] : [[path, data]];
  return inner.flatMap(([key, value]) => itemsOf(value, [...path, key]));
}

function isList(data: unknown): data is readonly unknown[] {
  return Array.isArray(data) && data.some(isRecord);
}

function pathText(path: Item[0]): string {
  return path
    .map((key, index) => (typeof key === "number" ? `[${key}]` : index === 0 ? key : `.${key}`))
    .join("");
}

function sorted(items: readonly Item[]): Item[] {
  const keyed = items.map((item) => [JSON.stringify(item[0]), item] as const);
  return keyed.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
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
  return withoutDerived(varying, all);
}

/** A recipe says what its loaders are: they are told where nothing else is. */
function withoutDerived<T>(varying: Map<string, T>, all: readonly Conditions[]): Map<string, T> {
  if (!all.every((each) => Object.keys(each).some((path) => path.startsWith(RECIPE_PATH)))) return varying;
  const told = [...varying].filter(([name]) => !name.startsWith("loaders."));
  return told.length > 0 ? new Map(told) : varying;
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
