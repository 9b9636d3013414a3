import { Registry, type Spec } from "../../definition.js";
import { crossEntropy } from "./cross-entropy.js";
import type { ClassificationDefinition } from "./definition.js";
import { focal } from "./focal.js";
import { maximumEntropy } from "./maximum-entropy.js";

/** The terms of the classifier's logits. */
export const classificationLosses = new Registry([crossEntropy, focal, maximumEntropy]);

/**
 * The term of the classifier's logits.
 * @useDeclaredType
 */
export type ClassificationLoss = Spec<typeof classificationLosses>;

/** A term with its definition, where it is known. */
export function describeClassification(loss: ClassificationLoss): string[] {
  const definition: ClassificationDefinition = classificationLosses.get(loss.type);
  return definition.describe(loss);
}
