import type { Given } from "../../definition.js";
import { channelLossOptions } from "../../loss/mc-loss.js";
import { rate } from "../../schema.js";
import { classificationLosses, describeClassification } from "./classification.js";
import { defineLoss } from "./definition.js";

export const channels = defineLoss({
  name: "mc",
  takesMixtures: true,
  summary: "MC-Loss beside a classification term: + α·L_dis + β·L_div",
  options: {
    ...channelLossOptions,
    /**
     * Epochs in which β rises from 0 to what it is, step by step in equal parts, so that channels may learn their classes before
     * they are parted.
     */
    betaWarmupEpochs: rate.default(0),
    /** The term of the classifier's logits, as a loss of its own. */
    classification: classificationLosses.filled.default({ type: "ce", labelSmoothing: 0 }),
  },
  describe: ({ alpha, beta, betaWarmupEpochs, keep, perSample, classification, ...options }) => {
    const { pooling, diversityPooling, diversityOver } = options;
    const weights = [...(alpha === 0 ? [] : [`α ${alpha}`]), ...(beta === 0 ? [] : [`β ${beta}`])];
    const isPlain = classification.type === "ce" && classification.labelSmoothing === 0;
    return [
      ["MC-Loss", ...weights].join(" "),
      ...(betaWarmupEpochs === 0 ? [] : [`β warmed up for ${betaWarmupEpochs} epochs`]),
      ...describeKeep(keep),
      ...(perSample ? ["a mask per sample"] : []),
      ...(pooling === "mean" ? ["CCAP"] : []),
      ...(diversityPooling === "mean" ? ["mean diversity"] : []),
      ...(diversityOver === "classes" ? [] : [DIVERSITY_NAMES[diversityOver]]),
      ...(beta === 0 ? ["no diversity"] : []),
      ...(alpha === 0 ? ["no discriminality"] : []),
      ...(isPlain ? [] : describeClassification(classification)),
    ];
  },
});

/** MC-Loss beside a classification term: + α·L_dis + β·L_div. */
export interface ChannelObjective extends Given<typeof channels.options> {
  type?: "mc";
}

const DIVERSITY_NAMES = {
  blocks: "diversity summed over blocks",
  own: "diversity of the own class",
  scores: "diversity weighted by scores",
};

/** How channel-wise attention keeps channels. */
function describeKeep(keep: number | "all" | { drop: number }): string[] {
  if (keep === "all") return ["no CWA"];
  if (typeof keep === "number") return [`keeps ${keep} channels`];
  return keep.drop === 0.5 ? [] : [`drops ${keep.drop} of the channels`];
}
