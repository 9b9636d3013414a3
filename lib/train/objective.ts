import { z } from "zod";
import { invalidArgument } from "../errors.js";
import { DEFAULT_WEIGHTS } from "../loss/default-weights.js";
import { channelLossShape, resolveChannelLoss, type ChannelLossOptions } from "../loss/mc-loss.js";
import { describe } from "../models/describe.js";
import type { Model } from "../models/model.js";
import type { ObjectiveOptions } from "../native/binding.js";
import { decay, optionsOf, rate, share, type Shape } from "../schema.js";
import { Generator } from "../tensor/tensor.js";
import type { CenterLossOptions } from "./class-centers.js";
import { DEFAULT_CENTER_RATE, DEFAULT_CENTER_WEIGHT, DEFAULT_FOCAL_GAMMA } from "./defaults.js";

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

const weight = rate.optional();
const crossEntropy = {
  type: z.literal("ce"),
  labelSmoothing: decay.optional(),
} satisfies Shape<CrossEntropyLoss>;
const focal = { type: z.literal("focal"), gamma: weight } satisfies Shape<FocalLoss>;
const center = optionsOf<CenterLossOptions>({ weight, rate: share.optional() }).optional();

const channelLoss = {
  type: z.literal("mc").optional(),
  ...channelLossShape,
  classification: z
    .discriminatedUnion("type", [z.strictObject(crossEntropy), z.strictObject(focal)])
    .optional(),
} satisfies Shape<ChannelObjective>;

/** {@link LossOptions} */
export const lossSchema = z.union([
  z.literal("ce"),
  z.discriminatedUnion("type", [
    z.strictObject({ ...channelLoss, center }),
    z.strictObject({ ...crossEntropy, center }),
    z.strictObject({ ...focal, center }),
  ]),
]);

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
 * @param loss as {@link lossSchema} takes it
 * @param seed of the generator that draws the channel masks
 * @throws McLossError ERR_ARGUMENT for MC-Loss where there are no groups, or too many channels to keep
 */
export function buildObjective(model: Model, loss: LossOptions, seed: number): ObjectiveOptions {
  if (loss === "ce") return buildObjective(model, { type: "ce" }, seed);
  const groups = model.groups;
  const blocks = groups?.toLists() ?? { blockClasses: [], blockChannels: [] };
  if (!isChannelObjective(loss)) return { ...WITHOUT_CHANNELS, ...classificationTerm(loss), ...blocks };
  if (!groups) {
    const { name } = model.spec;
    throw invalidArgument(
      "loss",
      `cannot be MC-Loss: ${name} has no channel groups (fewer channels than classes)`,
    );
  }
  return {
    ...blocks,
    ...classificationTerm(loss.classification ?? { type: "ce" }),
    ...resolveChannelLoss(loss, groups, "loss.keep"),
    center: null,
    generator: new Generator(seed, model.device).handle,
  };
}

/**
 * Why the diversity component of `objective` does nothing, where it is so: on a map of one place every channel looks at the
 * same one, whatever the weights are.
 */
export function reasonAgainstDiversity({ spec }: Model, { beta }: ObjectiveOptions): string | undefined {
  const [, height, width] = describe(spec).features;
  if (beta === 0 || height !== 1 || width !== 1) return undefined;
  const { input } = spec;
  return (
    `the diversity component cannot move: of images of ${input.height} × ${input.width} the last map of ${spec.name} has one ` +
    "place. Take larger images (inputSize, --image-size), or a loss with beta 0"
  );
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

/** The same loss with its defaults, so that it can be told from others whatever the defaults become. */
export function completeLoss(loss: LossOptions): LossOptions {
  if (loss === "ce") return loss;
  const center = loss.center ? { center: { ...DEFAULT_CENTER, ...loss.center } } : {};
  if (!isChannelObjective(loss)) return { ...completeClassification(loss), ...center };
  const { classification } = loss;
  return {
    ...DEFAULT_CHANNEL_LOSS,
    ...loss,
    ...(classification ? { classification: completeClassification(classification) } : {}),
    ...center,
  };
}

function completeClassification(loss: ClassificationLoss): ClassificationLoss {
  return loss.type === "focal" ? { gamma: DEFAULT_FOCAL_GAMMA, ...loss } : { labelSmoothing: 0, ...loss };
}

const DEFAULT_CENTER = { weight: DEFAULT_CENTER_WEIGHT, rate: DEFAULT_CENTER_RATE };

const DEFAULT_CHANNEL_LOSS = {
  ...DEFAULT_WEIGHTS,
  type: "mc",
  keep: { drop: 0.5 },
  perSample: false,
  pooling: "max",
  diversityPooling: "max",
} as const satisfies ChannelObjective;

/** Whether it is MC-Loss, maybe with other terms. */
export function isChannelObjective(loss: ClassificationLoss | ChannelObjective): loss is ChannelObjective {
  return loss.type === undefined || loss.type === "mc";
}

function classificationTerm(loss: ClassificationLoss) {
  if (loss.type === "ce") return { labelSmoothing: loss.labelSmoothing ?? 0, focalGamma: null };
  return { labelSmoothing: 0, focalGamma: loss.gamma ?? DEFAULT_FOCAL_GAMMA };
}
