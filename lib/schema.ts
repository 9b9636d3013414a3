import type { z } from "zod";
import { McLossError } from "./errors.js";
import { suggestNear } from "./near.js";

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
    const options = ((issue["options"] ?? []) as unknown[]).map(String);
    const known = `must be one of ${options.join(", ")}`;
    return typeof got === "string" ? `${known}, got "${got}"` : known;
  }
  if (issue.code === "invalid_type" && issue.input === undefined) return "is missing";
  return undefined;
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
