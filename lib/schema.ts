import type { z } from "zod";
import { McLossError } from "./errors.js";
import { findNear, suggestNear } from "./near.js";

/**
 * Checks untrusted data.
 * @throws McLossError ERR_ARGUMENT that names the path of the bad part, such as `layers[3].outChannels`, and for a key
 * that there is not the one that was probably meant
 */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value, { error: explain });
  if (parsed.success) return parsed.data;
  const { path, message } = innermost(parsed.error.issues[0]);
  const text = pathText(path);
  throw new McLossError("ERR_ARGUMENT", `${text}: ${message}`, { argument: text });
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
        ? "is missing"
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

function mustBeOneOf(values: readonly unknown[], got: unknown): string {
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

const MOST_SHOWN = 60;

function shown(value: unknown): string {
  const json = JSON.stringify(value) as string | undefined;
  const text = typeof value === "number" ? String(value) : (json ?? typeof value);
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)} …` : text;
}

/** The keys of an object's schema. */
function keysOf(schema: unknown): string[] {
  return Object.keys((schema as { shape?: object } | undefined)?.shape ?? {});
}

/** Where in the data an issue is: of a union's, that of the alternative which fits the farthest. */
function innermost(issue: Issue | undefined): { path: readonly PropertyKey[]; message: string } {
  if (!issue) return { path: [], message: "is not valid" };
  const { path, message } = issue;
  if (issue.code === "unrecognized_keys") return { path: [...path, issue.keys[0] ?? ""], message };
  if (issue.code !== "invalid_union" || message !== DEFAULT_MESSAGE) return { path, message };
  const inside = issue.errors.map(([first]) => innermost(first));
  const deepest = inside.reduce((best, one) => (one.path.length > best.path.length ? one : best), {
    path: [] as readonly PropertyKey[],
    message: inside.map((one) => one.message).join(", or: "),
  });
  return { path: [...path, ...deepest.path], message: deepest.message };
}

// Unions with a message of their own say it.
const DEFAULT_MESSAGE = "Invalid input";

function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return text.replace(/^\./, "") || "the value";
}
