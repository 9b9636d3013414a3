import { invalidArgument } from "../errors.js";
import { isRecord } from "../plain-data.js";

/** Plain data by key. */
export type Patch = Readonly<Record<string, unknown>>;

/** `--set` as a patch: "optimizer.groups[0].learningRate=0.05". The value is JSON, or else text. */
export function parseAssignment(assignment: string): Patch {
  const at = assignment.indexOf("=");
  const keys = assignment
    .slice(0, at)
    .split(/[.[\]]+/)
    .filter((key) => key !== "");
  if (at < 1 || keys.length === 0) throw invalidArgument("set", `must be key=value, got "${assignment}"`);
  return nest(keys, parseValue(assignment.slice(at + 1)));
}

/** One patch that does what all do, whatever their order; of two values for a key the later is taken. */
export function joinPatches(patches: readonly Patch[]): Patch {
  return patches.reduce<Patch>((joined, patch) => combine(joined, patch) as Patch, {});
}

function combine(earlier: unknown, later: unknown): unknown {
  if (!isRecord(earlier) || !isRecord(later)) return later;
  const both = Object.entries(later).map(([key, value]) => [key, combine(earlier[key], value)]);
  return { ...earlier, ...(Object.fromEntries(both) as Patch) };
}

/** `value` at a path: nest(["a", "b"], 1) is { a: { b: 1 } }. */
export function nest(keys: readonly string[], value: unknown): Patch {
  return keys.reduceRight<unknown>((inner, key) => Object.fromEntries([[key, inner]]), value) as Patch;
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/**
 * `base` with a patch's values. Objects are merged key by key, `null` removes a key, and anything else replaces what was
 * there (RFC 7396); an object with another `type`, or network `name`, replaces the whole; an object with numbers as keys
 * changes the items of a list.
 * @throws McLossError ERR_ARGUMENT for an item that there is not
 */
export function merge(base: unknown, patch: unknown, path = ""): unknown {
  if (!isRecord(patch)) return patch;
  if (Array.isArray(base)) return mergeItems(base, patch, path);
  const start = isRecord(base) && !isOther(base, patch, path) ? base : {};
  const merged = new Map(Object.entries(start));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, merge(start[key], value, path === "" ? key : `${path}.${key}`));
  }
  return Object.fromEntries(merged);
}

/** What is meant where the kind is left out, by its place in a recipe. */
const FALLBACKS: Readonly<Record<string, unknown>> = { loss: "mc", optimizer: "sgd" };

function mergeItems(base: readonly unknown[], patch: Patch, path: string): unknown[] {
  const items = [...base];
  for (const [key, value] of Object.entries(patch)) {
    const index = Number(key);
    if (!Number.isInteger(index) || index < 0 || index >= base.length) {
      throw invalidArgument(`${path}[${key}]`, `does not exist: ${path} is a list of ${base.length} items`);
    }
    items[index] = merge(base[index], value, `${path}[${key}]`);
  }
  return items;
}

/** Whether the patch is about another kind of thing, with other keys. */
function isOther(base: Patch, patch: Patch, path: string): boolean {
  const tag = path === "network" ? "name" : "type";
  const kind = base[tag] ?? FALLBACKS[path];
  return kind !== undefined && patch[tag] !== undefined && kind !== patch[tag];
}

/** The paths of all values in plain data; a list is one value. */
export function leaves(value: unknown, path = ""): string[] {
  if (!isRecord(value)) return [path];
  return Object.entries(value).flatMap(([key, inner]) => {
    const part = /^\d+$/.test(key) ? `[${key}]` : path === "" ? key : `.${key}`;
    return leaves(inner, path + part);
  });
}
