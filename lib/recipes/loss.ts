import { z } from "zod";
import { count, decay } from "../schema.js";
import {
  lossSchemaOf,
  type ChannelObjective,
  type ClassificationLoss,
  type LossOptions,
} from "../train/objective.js";
import type { CenterLossOptions } from "../train/class-centers.js";

/** MC-Loss as plain data: where channels are kept by a function of ξ, that is a share of them to drop. */
export type RecipeChannelLoss = Omit<ChannelObjective, "keep"> & { keep?: number | "all" | { drop: number } };

/** {@link LossOptions} as plain data. */
export type RecipeLoss = "ce" | ((ClassificationLoss | RecipeChannelLoss) & { center?: CenterLossOptions });

/** {@link RecipeLoss} */
export const recipeLossSchema = lossSchemaOf(
  z.union([count, z.literal("all"), z.strictObject({ drop: decay })]),
);

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
