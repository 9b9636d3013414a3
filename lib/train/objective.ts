import { invalidArgument } from "../errors.js";
import { resolveChannelLoss, type ChannelLossOptions } from "../loss/mc-loss.js";
import type { Model } from "../models/model.js";
import type { ObjectiveOptions } from "../native/binding.js";
import { Generator } from "../tensor/tensor.js";
import type { CenterLossOptions } from "./class-centers.js";
import { DEFAULT_FOCAL_GAMMA } from "./defaults.js";

/** The term of the classifier's logits. */
export type ClassificationLoss = CrossEntropyLoss | FocalLoss;

/** torch.nn.CrossEntropyLoss */
export interface CrossEntropyLoss {
  type: "ce";
  /** The share of each target that all classes have alike, from 0 to less than 1. Default 0. */
  labelSmoothing?: number;
}

/** (1 − p)^γ · −log p, p the softmax probability of the true class (Lin et al., ICCV 2017, equation 4, without α). */
export interface FocalLoss {
  type: "focal";
  /** At least 0, which is cross-entropy. Default 2. */
  gamma?: number;
}

/** MC-Loss beside a classification term: + α·L_dis + β·L_div. */
export interface ChannelObjective extends ChannelLossOptions {
  type?: "mc";
  /** Default: cross-entropy. */
  classification?: ClassificationLoss;
}

/** What is minimised; "ce" is cross-entropy alone. */
export type LossOptions =
  | "ce"
  | ((ClassificationLoss | ChannelObjective) & {
      /** Adds a center loss. Default: none. */
      center?: CenterLossOptions;
    });

/**
 * The training objective of `model`, without a center loss: its centers belong to a run. The channel groups are kept
 * without MC-Loss as well, so that evaluation can report all terms.
 * @param seed of the generator that draws the channel masks
 * @throws McLossError ERR_ARGUMENT naming the option
 */
export function buildObjective(model: Model, loss: LossOptions, seed: number): ObjectiveOptions {
  if (loss === "ce") return buildObjective(model, { type: "ce" }, seed);
  const groups = model.groups;
  const blocks = groups?.toLists() ?? { blockClasses: [], blockChannels: [] };
  if (!isChannelObjective(loss))
    return { ...WITHOUT_CHANNELS, ...classificationTerm("loss", loss), ...blocks };
  if (!groups) {
    const { name } = model.spec;
    throw invalidArgument(
      "loss",
      `cannot be MC-Loss: ${name} has no channel groups (fewer channels than classes)`,
    );
  }
  return {
    ...blocks,
    ...classificationTerm("loss.classification", loss.classification ?? { type: "ce" }),
    ...resolveChannelLoss(loss, groups),
    center: null,
    generator: new Generator(seed, model.device).handle,
  };
}

const WITHOUT_CHANNELS = {
  center: null,
  alpha: 0,
  beta: 0,
  keep: [],
  perSample: false,
  pooling: "max",
  diversityPooling: "max",
  generator: null,
};

function isChannelObjective(loss: ClassificationLoss | ChannelObjective): loss is ChannelObjective {
  return loss.type === undefined || loss.type === "mc";
}

function classificationTerm(argument: string, loss: ClassificationLoss) {
  switch (loss.type) {
    case "ce": {
      const { labelSmoothing = 0 } = loss;
      if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
        const problem = `must be from 0 to less than 1, got ${labelSmoothing}`;
        throw invalidArgument(`${argument}.labelSmoothing`, problem);
      }
      return { labelSmoothing, focalGamma: null };
    }
    case "focal": {
      const { gamma = DEFAULT_FOCAL_GAMMA } = loss;
      if (!(gamma >= 0 && Number.isFinite(gamma))) {
        throw invalidArgument(`${argument}.gamma`, `must be a number of at least 0, got ${gamma}`);
      }
      return { labelSmoothing: 0, focalGamma: gamma };
    }
    default: {
      const { type } = loss as { type: unknown };
      const types = argument === "loss" ? '"mc", "ce" or "focal"' : '"ce" or "focal"';
      throw invalidArgument(`${argument}.type`, `must be ${types}, got ${JSON.stringify(type)}`);
    }
  }
}
