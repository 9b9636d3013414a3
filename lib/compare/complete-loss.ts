import { isDeepStrictEqual } from "node:util";
import { defaultsOf } from "../definition.js";
import { isRecord, textOf } from "../plain-data.js";
import { addedTerms, losses } from "../train/losses.js";

/** A loss with what it leaves out, as plain data. Keys that are not known here are kept. */
export type CompleteLoss = Readonly<Record<string, unknown>> & { readonly type: string };

/**
 * Losses that minimise the same become the same data, however they are written.
 * @param loss of a trainer or of a recipe
 */
export function completeLoss(loss: unknown): CompleteLoss {
  const given = isRecord(loss) ? withoutNothing(loss) : { type: loss ?? "mc" };
  const type = textOf(given["type"] ?? "mc");
  const definition = losses.definitions.find(({ name }) => name === type);
  const whole: Record<string, unknown> = { ...defaultsOf(definition?.options ?? {}), ...given, type };
  for (const [name, { options }] of Object.entries(addedTerms)) {
    const term = whole[name];
    if (isRecord(term)) whole[name] = { ...defaultsOf(options), ...withoutNothing(term) };
  }
  if (type === "mc") whole["classification"] = completeLoss(whole["classification"]);
  return whole as CompleteLoss;
}

/** Cross-entropy and nothing else. */
export function isPlainCrossEntropy(loss: unknown): boolean {
  return isDeepStrictEqual(completeLoss(loss), completeLoss("ce"));
}

/** MC-Loss without an ablation, or anything beside it. */
export function isWholeMcLoss(loss: unknown): boolean {
  const whole = completeLoss(loss);
  const { type, alpha, beta, betaWarmupEpochs, keep, pooling, diversityOver, classification } = whole;
  if (type !== "mc" || alpha === 0 || beta === 0 || keep === "all" || pooling !== "max") return false;
  if (diversityOver !== "classes" && diversityOver !== "blocks") return false;
  if (betaWarmupEpochs !== 0) return false;
  return isPlainCrossEntropy(classification) && !Object.keys(addedTerms).some((name) => name in whole);
}

/** JSON's null and an option that was given as undefined stand for none. */
function withoutNothing(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => (value ?? null) !== null));
}
