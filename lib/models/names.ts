import { z } from "zod";
import { instanceOf, must } from "../schema.js";
import { invalidArgument } from "../errors.js";

/**
 * Which tensors of a model: a dotted name stands for itself and everything under it ("layer4" for "layer4.0.conv1.weight"),
 * where `*` is any text ("layer*.0", "classifier.*"); a regular expression for the names that it finds something in.
 */
export type NamePattern = string | RegExp;

export function matches(pattern: NamePattern, name: string): boolean {
  checkPattern("pattern", pattern);
  if (typeof pattern !== "string") return name.search(pattern) >= 0;
  if (pattern.includes("*")) return name.search(withWildcards(pattern)) >= 0;
  return pattern === "" || name === pattern || name.startsWith(`${pattern}.`);
}

function checkPattern(argument: string, pattern: unknown): void {
  if (typeof pattern === "string" || pattern instanceof RegExp) return;
  throw invalidArgument(argument, "must be a name or a regular expression");
}

function withWildcards(pattern: string): RegExp {
  const text = pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
  return new RegExp(`^${text}(\\..*)?$`);
}

/** Files from before PyTorch 0.4.1 have no count of batches, torchvision's among them; PyTorch takes them as they are. */
export function isBatchCounter(name: string): boolean {
  return name.endsWith(".num_batches_tracked");
}

/** Those of `entries` that a pattern names. @throws McLossError ERR_ARGUMENT when there are none */
export function select<Entry extends { name: string }>(
  entries: readonly Entry[],
  pattern: NamePattern,
  argument: string,
): Entry[] {
  checkPattern(argument, pattern);
  const found = entries.filter(({ name }) => matches(pattern, name));
  if (found.length > 0) return found;
  throw invalidArgument(
    argument,
    `(${String(pattern)}) matches no name, such as ${entries[0]?.name ?? "none"}`,
  );
}

/** {@link NamePattern} */
export const namePattern = z.union(
  [z.string(), instanceOf(RegExp, "a regular expression")],
  must("a name or a regular expression"),
);
