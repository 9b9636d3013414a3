import { invalidArgument } from "../errors.js";
import { resolveChannelLoss, type ChannelLossOptions } from "../loss/mc-loss.js";
import type { Model } from "../models/model.js";
import type { ObjectiveOptions } from "../native/binding.js";
import { Generator } from "../tensor/tensor.js";

/** CE(logits, labels) + α·L_dis + β·L_div, or "ce" for cross-entropy alone. */
export type LossOptions = "ce" | ChannelLossOptions;

/**
 * The training objective of `model`. The channel groups are kept with "ce" as well, so that evaluation can report all
 * three terms.
 * @param seed of the generator that draws the channel masks
 */
export function buildObjective(model: Model, loss: LossOptions, seed: number): ObjectiveOptions {
  const { groups } = model;
  if (!groups) {
    if (loss !== "ce") {
      const { name } = model.spec;
      throw invalidArgument(
        "loss",
        `cannot be MC-Loss: ${name} has no channel groups (fewer channels than classes)`,
      );
    }
    return { ...COMMON, blockClasses: [], blockChannels: [] };
  }
  const blocks = groups.toLists();
  if (loss === "ce") return { ...COMMON, ...blocks };
  return { ...blocks, ...resolveChannelLoss(loss, groups), generator: new Generator(seed).handle };
}

const COMMON = {
  alpha: 0,
  beta: 0,
  keep: [],
  perSample: false,
  pooling: "max",
  diversityPooling: "max",
  generator: null,
};
