import { isChannelObjective, type ChannelObjective, type LossOptions } from "../train/objective.js";

/** Whether it is MC-Loss, maybe with other terms. */
export function isChannelLoss(loss: LossOptions): loss is ChannelObjective {
  return loss !== "ce" && isChannelObjective(loss);
}
