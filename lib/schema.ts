import { z } from "zod";
import { McLossError } from "./errors.js";
import { findNear, suggestNear } from "./near.js";
import { isRecord } from "./plain-data.js";
import { isPlain, shown } from "./shown.js";

/** A schema for every key of `T`, and for no other: options and what is told of them cannot drift apart. */
export type Shape<T> = { readonly [Key in keyof Required<T>]: z.ZodType };

const MISSING = "is missing";

/** The message of a schema that takes `what`. */
export function must(what: string): { error: (issue: { input?: unknown }) => string } {
  return {
    error: ({ input }) => (input === undefined ? MISSING : `must be ${what}, got ${shown(input)}`),
  };
}

const POSITIVE = must("a positive integer");
/** A positive integer. */
export const count = z.int(POSITIVE).min(1, POSITIVE);
/** An integer of at least 0. */
export const index = z.int().min(0);
/** A finite number of at least 0. */
export const rate = z.number().min(0);
/** From 0 to 1. */
export const share = z.number().min(0).max(1);
/** From 0 to less than 1. */
export const decay = z.number().min(0).lt(1);
export const flag = z.boolean();
/** A text that is not empty. */
export const text = z.string().min(1);

/** An object of a class; `what` is its name with an article. */
export function instanceOf<T>(type: { readonly prototype: T }, what: string): z.ZodType<T, T> {
  return like(what, (value) => value instanceof (type as unknown as new () => T));
}

/** Anything that `test` takes; `what` says what that is. */
export function like<T>(what: string, test: (value: unknown) => boolean): z.ZodType<T, T> {
  return z.custom<T>(test, must(what)).meta({ title: what });
}

/** A function, whatever its arguments. */
export const callback = like<(...args: never[]) => unknown>(
  "a function",
  (value) => typeof value === "function",
);

/** Of AbortOptions. */
export const abortShape = { signal: instanceOf(AbortSignal, "an AbortSignal").optional() };

/** {@link AbortOptions}, which the layers above have. */
export const abortOptions: z.ZodType<{ signal?: AbortSignal }> = z.strictObject(abortShape);

/** A schema of options that has every key of `T` and no other. */
export function optionsOf<T extends object>(shape: Shape<T>): z.ZodType<T, T> {
  return z.strictObject(shape) as unknown as z.ZodType<T, T>;
}

/**
 * Checks the options of a function that users call. A key whose value is undefined is one that was not given.
 * @param around what the options are part of, before their names: "groups[0]"
 * @throws McLossError ERR_ARGUMENT naming the option, and for one that there is not the one that was probably meant
 */
export function parseOptions<T>(schema: z.ZodType<T>, options: unknown, around = ""): T {
  if (!isRecord(options)) {
    const name = around || "options";
    throw new McLossError("ERR_ARGUMENT", `${name} must be an object, got ${shown(options)}`, {
      argument: name,
    });
  }
  const found = check(schema, withoutUndefined(options), around);
  if (found.problem === undefined) return found.value;
  const { name, problem } = found;
  const separator = problem.startsWith("must ") ? " " : ": ";
  throw new McLossError("ERR_ARGUMENT", name + separator + problem, { argument: name });
}

/** @param around what it is part of: an object that is a part of itself is left as it is, for the schema to refuse */
function withoutUndefined(value: unknown, around: readonly unknown[] = []): unknown {
  if (around.includes(value)) return value;
  const within = [...around, value];
  if (Array.isArray(value)) return value.map((inner) => withoutUndefined(inner, within));
  if (!isPlain(value)) return value;
  const given = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(given.map(([key, inner]) => [key, withoutUndefined(inner, within)]));
}

/**
 * Checks untrusted data.
 * @throws McLossError ERR_ARGUMENT that names the path of the bad part, such as `layers[3].outChannels`, and for a key
 * that there is not the one that was probably meant
 */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const found = check(schema, value, "");
  if (found.problem === undefined) return found.value;
  const { name, problem } = found;
  throw new McLossError("ERR_ARGUMENT", `${name}: ${problem}`, { argument: name });
}

type Checked<T> = { value: T; problem?: undefined } | { name: string; problem: string };

function check<T>(schema: z.ZodType<T>, value: unknown, around: string): Checked<T> {
  const parsed = tryParse(schema, value);
  if (parsed.success) return { value: parsed.data };
  const { path, message } = innermost(firstOf(parsed.error.issues));
  return { name: (around + pathText(path)).replace(/^\./, "") || "the value", problem: message };
}

function tryParse<T>(schema: z.ZodType<T>, value: unknown): z.ZodSafeParseResult<T> {
  try {
    return schema.safeParse(value, { error: explain });
  } catch {
    // zod freezes a wrong value of what is read only as well, and a typed array cannot be.
    return schema.safeParse(withoutViews(value), { error: explain });
  }
}

/** With an object of no use, which looks like it in messages, for each typed array and for what holds itself. */
function withoutViews(value: unknown, around: readonly unknown[] = []): unknown {
  if (ArrayBuffer.isView(value) || around.includes(value))
    return Object.create({ constructor: (value as object).constructor });
  const within = [...around, value];
  if (Array.isArray(value)) return value.map((inner) => withoutViews(inner, within));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutViews(inner, within)]));
}

type Issue = z.core.$ZodIssue;

function explain(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    return `is not known here${suggestNear(key, keysOf(issue.inst))}`;
  }
  if (issue.code === "invalid_union" && typeof issue.discriminator === "string") {
    const got = (issue.input as Record<string, unknown>)[issue.discriminator];
    return mustBeOneOf((issue["options"] ?? []) as unknown[], got);
  }
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined
        ? MISSING
        : `must be ${kindOf(issue.expected)}, got ${shown(issue.input)}`;
    case "invalid_value":
      return mustBeOneOf(issue.values, issue.input);
    case "too_big":
      return `must ${limit(issue.origin, issue.inclusive ? "at most" : "less than", issue.maximum)}, got ${shown(issue.input)}`;
    case "too_small":
      return `must ${limit(issue.origin, issue.inclusive ? "at least" : "more than", issue.minimum)}, got ${shown(issue.input)}`;
    default:
      return undefined;
  }
}

const KINDS: Readonly<Record<string, string>> = {
  number: "a number",
  int: "an integer",
  string: "a text",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "an object",
  record: "an object",
};

function kindOf(expected: string): string {
  return KINDS[expected] ?? expected;
}

/** What is wrong with a value that is none of those. */
export function mustBeOneOf(values: readonly unknown[], got: unknown): string {
  const known = values.filter((value) => value !== undefined).map(String);
  const text = `must be ${known.length === 1 ? "" : "one of "}${known.join(", ")}`;
  if (got === undefined) return text;
  const near = typeof got === "string" ? findNear(got, known) : undefined;
  return `${text}, got ${shown(got)}${near === undefined ? "" : ` (did you mean ${near}?)`}`;
}

function limit(origin: string, relation: string, bound: number | bigint): string {
  return origin === "string" || origin === "array"
    ? `have ${relation} ${bound} items`
    : `be ${relation} ${bound}`;
}

/** The keys of an object's schema. */
function keysOf(schema: unknown): string[] {
  return Object.keys((schema as { shape?: object } | undefined)?.shape ?? {});
}

/** A misspelt key rather than the one that is missing for it. */
function firstOf(issues: readonly Issue[]): Issue | undefined {
  const [first] = issues;
  if (first?.message !== MISSING) return first;
  const around = pathText(first.path.slice(0, -1));
  const misspelt = (issue: Issue) => issue.code === "unrecognized_keys" && pathText(issue.path) === around;
  return issues.find(misspelt) ?? first;
}

/** Where in the data an issue is: of a union's, that of the alternative which fits the farthest. */
function innermost(issue: Issue | undefined): { path: readonly PropertyKey[]; message: string } {
  if (!issue) return { path: [], message: "is not valid" };
  const { path, message } = issue;
  if (issue.code === "unrecognized_keys") return { path: [...path, issue.keys[0] ?? ""], message };
  if (issue.code !== "invalid_union" || message !== DEFAULT_MESSAGE) return { path, message };
  const inside = issue.errors.map((issues) => innermost(firstOf(issues)));
  const deepest = inside.reduce((best, one) => (one.path.length > best.path.length ? one : best), {
    path: [] as readonly PropertyKey[],
    message: inside.map((one) => one.message).join(", or: "),
  });
  return { path: [...path, ...deepest.path], message: deepest.message };
}

// Unions with a message of their own say it.
const DEFAULT_MESSAGE = "Invalid input";

function pathText(path: readonly PropertyKey[]): string {
  return path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
}
