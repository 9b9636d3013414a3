import { DEFAULT_WEIGHTS } from "../loss/default-weights.js";
import { isRecord, textOf } from "../plain-data.js";
import { DEFAULT_CENTER_WEIGHT, DEFAULT_FOCAL_GAMMA } from "../train/defaults.js";

/** A loss with what it leaves out, as plain data. Keys that are not known here are kept. */
export type CompleteLoss = Readonly<Record<string, unknown>> & { readonly type: string };

const DEFAULTS: Readonly<Record<string, object>> = {
  ce: { labelSmoothing: 0 },
  focal: { gamma: DEFAULT_FOCAL_GAMMA },
  mc: {
    ...DEFAULT_WEIGHTS,
    keep: { drop: 0.5 },
    perSample: false,
    pooling: "max",
    diversityPooling: "max",
    classification: "ce",
  },
};

/** λ and α of the center loss. */
export const CENTER_DEFAULTS = { weight: DEFAULT_CENTER_WEIGHT, rate: 0.5 } as const;

/**
 * Losses that minimise the same become the same data, however they are written.
 * @param loss of a trainer or of a recipe
 */
export function completeLoss(loss: unknown): CompleteLoss {
  const given = isRecord(loss) ? withoutNothing(loss) : { type: loss ?? "mc" };
  const type = textOf(given["type"] ?? "mc");
  const whole: Record<string, unknown> = { ...DEFAULTS[type], ...given, type };
  if (isRecord(whole["center"])) whole["center"] = { ...CENTER_DEFAULTS, ...withoutNothing(whole["center"]) };
  if (type === "mc") whole["classification"] = completeLoss(whole["classification"]);
  return whole as CompleteLoss;
}

/** Cross-entropy and nothing else. */
export function isPlainCrossEntropy(loss: unknown): boolean {
  const { type, labelSmoothing, center } = completeLoss(loss);
  return type === "ce" && labelSmoothing === 0 && !center;
}

/** MC-Loss without an ablation, or anything beside it. */
export function isWholeMcLoss(loss: unknown): boolean {
  const { type, alpha, beta, keep, pooling, classification, center } = completeLoss(loss);
  if (type !== "mc" || alpha === 0 || beta === 0 || keep === "all" || pooling !== "max") return false;
  return isPlainCrossEntropy(classification) && !center;
}

/** JSON's null and an option that was given as undefined stand for none. */
function withoutNothing(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => (value ?? null) !== null));
}
