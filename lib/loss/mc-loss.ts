import { z } from "zod";
import type { Filled, Given } from "../definition.js";
import { invalidArgument, McLossError } from "../errors.js";
import { count, decay, flag, instanceOf, parseOptions, rate } from "../schema.js";
import { checkFloating, checkTensor } from "../tensor/check-tensor.js";
import { Generator, ops, opsInTurn, Tensor, type OpResult } from "../tensor/tensor.js";
import { ChannelGroups } from "./channel-groups.js";
import { DEFAULT_WEIGHTS } from "./default-weights.js";
import { shown } from "../shown.js";

/** Cross-channel pooling: "max" is the paper's CCMP, "mean" its ablation CCAP. */
export type Pooling = "max" | "mean";

/** Whose diversity counts on an image; see {@link ChannelLossOptions}. */
export type DiversityOver = (typeof DIVERSITY_OVER)[number];

export const DIVERSITY_OVER = ["classes", "blocks", "own", "scores"] as const;

const pooling = z.enum(["max", "mean"]).default("max");

/** How channel-wise attention keeps channels, and how channels are pooled. */
export const channelLossOptions = {
  /** Weight of the discriminality component, as the released code; 0 is the paper's ablation without it. */
  alpha: rate.default(DEFAULT_WEIGHTS.alpha),
  /** Weight of the diversity component, as the released code; 0 is the paper's ablation without it. */
  beta: rate.default(DEFAULT_WEIGHTS.beta),
  /**
   * Channels kept in each group: a number; all but a share of them, ξ − ⌊drop·ξ⌋; or "all", the paper's ablation without
   * channel-wise attention. The default is ⌈ξ/2⌉ (2 of 3, as the released code).
   */
  keep: z.union([count, z.literal("all"), z.strictObject({ drop: decay })]).default({ drop: 0.5 }),
  /** Draws one mask per sample rather than one per batch. */
  perSample: flag.default(false),
  /** Cross-channel pooling of the discriminality component: "max" is the paper's CCMP, "mean" its ablation CCAP. */
  pooling,
  /** Cross-channel pooling of the diversity component; "mean" makes it constant. */
  diversityPooling: pooling,
  /**
   * Whose h/ξ counts on an image: all classes' alike; "blocks" adds up one mean for each block of classes with equal ξ, as the
   * authors' code for ResNet50; "own" that of the image's class alone; "scores" by the softmax of their scores.
   */
  diversityOver: z.enum(DIVERSITY_OVER).default("classes"),
};

/** How channel-wise attention keeps channels, and how channels are pooled. */
export interface ChannelLossOptions extends Given<typeof channelLossOptions> {}

/** Options of {@link mcLoss}. */
export interface McLossOptions extends ChannelLossOptions {
  /** Which channels belong to which class. */
  groups: ChannelGroups;
  /** [C] or [N, C], 1 keeps and 0 drops. Default: drawn afresh at each call. */
  mask?: Tensor;
  /** Draws the mask. Default: LibTorch's global generator. */
  generator?: Generator;
}

const schema = z.strictObject({
  ...channelLossOptions,
  groups: instanceOf(ChannelGroups, "ChannelGroups"),
  mask: instanceOf(Tensor, "a Tensor").optional(),
  generator: instanceOf(Generator, "a Generator").optional(),
});

/** Scalars, float32 (float64 for float64 features), each differentiable. */
export interface McLossTerms {
  /** α·L_dis + β·L_div */
  loss: Tensor;
  /** L_dis: cross-entropy of the class scores made from channel groups (paper, equation 5). */
  discriminality: Tensor;
  /**
   * L_div = 1 − mean(h/ξ), in [0, 1): 0 when a class's channels look at wholly different places (equation 7). Over "blocks" it
   * is a sum of as many such terms as there are blocks.
   */
  diversity: Tensor;
}

/**
 * The Mutual-Channel Loss (Chang et al., IEEE TIP 2020) of `features` [N, C, H, W] for `labels` [N] (integers from
 * 0 to K − 1), or [N, K] of a floating-point type: distributions over the classes, as of mixed images. Half types are
 * accumulated in float32.
 * @throws McLossError ERR_SHAPE or ERR_ARGUMENT, naming the argument and the shapes involved
 */
export function mcLoss(features: Tensor, labels: Tensor, options: McLossOptions): McLossTerms {
  const { blockClasses, blockChannels, named } = operatorArguments(features, labels, options);
  return namedTerms(ops(OPERATOR, features, labels, blockClasses, blockChannels, named));
}

/**
 * {@link mcLoss} on the native thread, in the order of what is asked for there, so that large features, of which it takes
 * milliseconds on the CPU, do not hold the event loop.
 * @throws McLossError as {@link mcLoss}, as a rejection
 */
export async function mcLossAsync(
  features: Tensor,
  labels: Tensor,
  options: McLossOptions,
): Promise<McLossTerms> {
  const { blockClasses, blockChannels, named } = operatorArguments(features, labels, options);
  return namedTerms(await opsInTurn(OPERATOR, features, labels, blockClasses, blockChannels, named));
}

const OPERATOR = "mcloss::mc_loss";

function operatorArguments(features: Tensor, labels: Tensor, options: McLossOptions) {
  const given = parseOptions(schema, options);
  const { groups, mask, generator } = given;
  checkFloating("features", features);
  checkTensor("labels", labels);
  checkShapes(features.shape, labels, groups, mask?.shape);
  const { blockClasses, blockChannels } = groups.toLists();
  const { alpha, beta, keep, perSample, pooling, diversityPooling, diversityOver } = resolveChannelLoss(
    given,
    groups,
  );
  const named = {
    alpha,
    beta,
    mask,
    keep,
    per_sample: perSample,
    generator,
    pooling,
    diversity_pooling: diversityPooling,
    diversity_over: diversityOver,
  };
  return { blockClasses, blockChannels, named };
}

function namedTerms(terms: OpResult): McLossTerms {
  const [loss, discriminality, diversity] = terms as [Tensor, Tensor, Tensor];
  return { loss, discriminality, diversity };
}

/** Options with their defaults as native/train takes them; `keep` has one number per block. */
export function resolveChannelLoss(
  options: Filled<typeof channelLossOptions>,
  groups: ChannelGroups,
  argument = "keep",
) {
  const { alpha, beta, perSample, pooling, diversityPooling, diversityOver } = options;
  const keep = resolveKeep(options.keep, groups, argument);
  return { alpha, beta, perSample, pooling, diversityPooling, diversityOver, keep };
}

function resolveKeep(
  keep: number | "all" | { drop: number },
  groups: ChannelGroups,
  argument: string,
): number[] {
  return groups.blocks.map(({ channels }) => {
    if (keep === "all") return channels;
    const kept = typeof keep === "object" ? channels - Math.floor(keep.drop * channels) : keep;
    if (Number.isInteger(kept) && kept >= 1 && kept <= channels) return kept;
    throw invalidArgument(
      argument,
      `must be an integer from 1 to ${channels} for groups of ${channels}, got ${shown(kept)}`,
    );
  });
}

function checkShapes(features: number[], labels: Tensor, groups: ChannelGroups, mask?: number[]): void {
  const [samples, channels] = features;
  if (features.length !== 4) throw shapeError("features", "must have shape [N, C, H, W]", features);
  if (channels !== groups.channels) {
    const owned = `have as many channels as the groups own (${groups.channels})`;
    throw shapeError("features", `must ${owned}`, features);
  }
  const wanted = /float/.test(labels.dtype) ? [samples, groups.classes] : [samples];
  if (labels.shape.join() !== wanted.join())
    throw shapeError("labels", `must have shape [${wanted.join(", ")}]`, labels.shape);
  if (!mask) return;
  const fits =
    mask.at(-1) === channels && (mask.length === 1 || (mask.length === 2 && [1, samples].includes(mask[0])));
  if (!fits) throw shapeError("mask", `must have shape [${channels}] or [${samples}, ${channels}]`, mask);
}

function shapeError(argument: string, problem: string, shape: number[]): McLossError {
  return new McLossError("ERR_SHAPE", `${argument} ${problem}, got [${shape.join(", ")}]`, { argument });
}
