import { Registry, type Spec } from "../../definition.js";
import { arcFace } from "./arc-face.js";
import { balancedSoftmax } from "./balanced-softmax.js";
import { channelDropBlock } from "./channel-drop-block.js";
import { crossEntropy } from "./cross-entropy.js";
import type { ClassificationDefinition } from "./definition.js";
import { focal } from "./focal.js";
import { gradientBoosting } from "./gradient-boosting.js";
import { logitAdjustment } from "./logit-adjustment.js";
import { maximumEntropy } from "./maximum-entropy.js";
import { pairwiseConfusion } from "./pairwise-confusion.js";
import { supervisedContrastive } from "./supervised-contrastive.js";

/** The terms of the classifier's logits. */
export const classificationLosses = new Registry([
  crossEntropy,
  logitAdjustment,
  balancedSoftmax,
  focal,
  maximumEntropy,
  pairwiseConfusion,
  gradientBoosting,
  channelDropBlock,
  arcFace,
  supervisedContrastive,
]);

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
