import { DEFAULT_WEIGHTS } from "../loss/default-weights.js";
import { DEFAULT_CENTER_WEIGHT, DEFAULT_FOCAL_GAMMA } from "../train/defaults.js";
import type { ChannelObjective, ClassificationLoss, LossOptions } from "../train/objective.js";

/** A loss in few words: "MC-Loss α 1.5 β 20, no CWA". */
export function describeLoss(loss: LossOptions): string {
  if (loss === "ce") return "cross-entropy";
  const { center } = loss;
  const parts =
    loss.type === "ce" || loss.type === "focal" ? [describeClassification(loss)] : describeChannels(loss);
  if (center) parts.push(`center loss λ ${center.weight ?? DEFAULT_CENTER_WEIGHT}`);
  return parts.join(", ");
}

function describeClassification(loss: ClassificationLoss): string {
  if (loss.type === "focal") return `focal loss γ ${loss.gamma ?? DEFAULT_FOCAL_GAMMA}`;
  return loss.labelSmoothing ? `cross-entropy, label smoothing ${loss.labelSmoothing}` : "cross-entropy";
}

function describeChannels(loss: ChannelObjective): string[] {
  const { alpha = DEFAULT_WEIGHTS.alpha, beta = DEFAULT_WEIGHTS.beta, keep, pooling, classification } = loss;
  const weights = [...(alpha === 0 ? [] : [`α ${alpha}`]), ...(beta === 0 ? [] : [`β ${beta}`])];
  return [
    ["MC-Loss", ...weights].join(" "),
    ...(keep === "all" ? ["no CWA"] : []),
    ...(pooling === "mean" ? ["CCAP"] : []),
    ...(beta === 0 ? ["no diversity"] : []),
    ...(alpha === 0 ? ["no discriminality"] : []),
    ...(classification ? [describeClassification(classification)] : []),
  ];
}
