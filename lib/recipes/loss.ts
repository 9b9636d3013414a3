import { z } from "zod";
import type { ChannelObjective, ClassificationLoss, LossOptions } from "../train/objective.js";
import type { CenterLossOptions } from "../train/class-centers.js";

/** MC-Loss as plain data: where channels are kept by a function of ξ, that is a share of them to drop. */
export type RecipeChannelLoss = Omit<ChannelObjective, "keep"> & { keep?: number | "all" | { drop: number } };

/** {@link LossOptions} as plain data. */
export type RecipeLoss = "ce" | ((ClassificationLoss | RecipeChannelLoss) & { center?: CenterLossOptions });

const pooling = z.enum(["max", "mean"]).optional();
const weight = z.number().min(0).optional();
const center = z.strictObject({ weight, rate: z.number().min(0).max(1).optional() }).optional();
const crossEntropy = { type: z.literal("ce"), labelSmoothing: z.number().min(0).lt(1).optional() };
const focal = { type: z.literal("focal"), gamma: weight };

const channelLoss = z.strictObject({
  type: z.literal("mc").optional(),
  alpha: z.number().optional(),
  beta: z.number().optional(),
  keep: z
    .union([z.int().min(1), z.literal("all"), z.strictObject({ drop: z.number().min(0).lt(1) })])
    .optional(),
  perSample: z.boolean().optional(),
  pooling,
  diversityPooling: pooling,
  classification: z
    .discriminatedUnion("type", [z.strictObject(crossEntropy), z.strictObject(focal)])
    .optional(),
  center,
});

export const lossSchema = z.union([
  z.literal("ce"),
  z.discriminatedUnion("type", [
    channelLoss,
    z.strictObject({ ...crossEntropy, center }),
    z.strictObject({ ...focal, center }),
  ]),
]);

/** Whether it is MC-Loss, maybe with other terms. */
export function isChannelLoss(loss: RecipeLoss): loss is RecipeChannelLoss {
  return loss !== "ce" && (loss.type === undefined || loss.type === "mc");
}

/** What the trainer takes; `keep: { drop: 0.4 }` keeps ξ − ⌊0.4·ξ⌋ channels of ξ. */
export function lossOptions(loss: RecipeLoss): LossOptions {
  if (!isChannelLoss(loss)) return loss;
  const { keep, ...options } = loss;
  if (keep === undefined) return options;
  if (typeof keep !== "object") return { ...options, keep };
  return { ...options, keep: (channels) => channels - Math.floor(keep.drop * channels) };
}
