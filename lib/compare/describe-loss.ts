import { z } from "zod";
import { flatten, isRecord, textOf } from "../plain-data.js";
import { addedTerms, losses } from "../train/losses.js";
import type { LossDefinition } from "../train/losses/definition.js";
import { completeLoss } from "./complete-loss.js";

/**
 * A loss in few words, which tell it from every other: "MC-Loss α 1.5 β 20, no CWA".
 * @param loss of a trainer or of a recipe
 */
export function describeLoss(loss: unknown): string {
  const { type, ...options } = completeLoss(loss);
  const added = Object.entries<LossDefinition>(addedTerms).filter(([name]) => isRecord(options[name]));
  const own = without(
    options,
    added.map(([name]) => name),
  );
  const definition: LossDefinition | undefined = losses.definitions.find(({ name }) => name === type);
  const parts = [
    ...describeBy(definition, type, own),
    ...added.flatMap(([name, term]) => describeBy(term, name, options[name] as Options)),
  ];
  return parts.join(", ");
}

type Options = Readonly<Record<string, unknown>>;

/** What a definition says of its options, and then the others; without a definition that fits, all as they are. */
function describeBy(definition: LossDefinition | undefined, name: string, options: Options): string[] {
  const known = Object.keys(definition?.options ?? {});
  const own = without(options, Object.keys(without(options, known)));
  const parsed = z.strictObject(definition?.options ?? {}).safeParse(own);
  if (!definition || !parsed.success) return [name, ...describeRest(options)];
  return [...definition.describe(parsed.data), ...describeRest(without(options, known))];
}

function describeRest(options: Options): string[] {
  return flatten(options).map(([path, value]) => `${path} ${textOf(value)}`);
}

function without(options: Options, names: readonly string[]): Options {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)));
}
