import { invalidArgument, McLossError } from "../errors.js";
import { ops, opsInTurn, type Generator, type OpResult, type Tensor } from "../tensor/tensor.js";
import type { ChannelGroups } from "./channel-groups.js";
import { DEFAULT_WEIGHTS } from "./default-weights.js";

/** Cross-channel pooling: "max" is the paper's CCMP, "mean" its ablation CCAP. */
export type Pooling = "max" | "mean";

/** How channel-wise attention keeps channels, and how channels are pooled. */
export interface ChannelLossOptions {
  /** Weight of the discriminality component; 0 is the paper's ablation without it. Default 1.5, as the released code. */
  alpha?: number;
  /** Weight of the diversity component; 0 is the paper's ablation without it. Default 20, as the released code. */
  beta?: number;
  /**
   * Channels kept in each group: a number, a function of ξ, or "all", the paper's ablation without channel-wise
   * attention. Default ⌈ξ/2⌉ (2 of 3, as the released code).
   */
  keep?: number | "all" | ((channels: number) => number);
  /** Draws one mask per sample rather than one per batch. Default false. */
  perSample?: boolean;
  /** Cross-channel pooling of the discriminality component. Default "max". */
  pooling?: Pooling;
  /** Cross-channel pooling of the diversity component. Default "max"; "mean" makes it constant. */
  diversityPooling?: Pooling;
}

export interface McLossOptions extends ChannelLossOptions {
  /** Which channels belong to which class. */
  groups: ChannelGroups;
  /** [C] or [N, C], 1 keeps and 0 drops. Default: drawn afresh at each call. */
  mask?: Tensor;
  /** Draws the mask. Default: LibTorch's global generator. */
  generator?: Generator;
}

/** Scalars, float32 (float64 for float64 features), each differentiable. */
export interface McLossTerms {
  /** α·L_dis + β·L_div */
  loss: Tensor;
  /** L_dis: cross-entropy of the class scores made from channel groups (paper, equation 5). */
  discriminality: Tensor;
  /** L_div = 1 − mean(h/ξ), in [0, 1): 0 when a class's channels look at wholly different places (equation 7). */
  diversity: Tensor;
}

/**
 * The Mutual-Channel Loss (Chang et al., IEEE TIP 2020) of `features` [N, C, H, W] for `labels` [N] (integers from
 * 0 to K − 1). Half types are accumulated in float32.
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
  const { groups } = options;
  checkShapes(features.shape, labels.shape, groups, options.mask?.shape);
  const { blockClasses, blockChannels } = groups.toLists();
  const { alpha, beta, keep, perSample, pooling, diversityPooling } = resolveChannelLoss(options, groups);
  const named = {
    alpha,
    beta,
    mask: options.mask,
    keep,
    per_sample: perSample,
    generator: options.generator,
    pooling,
    diversity_pooling: diversityPooling,
  };
  return { blockClasses, blockChannels, named };
}

function namedTerms(terms: OpResult): McLossTerms {
  const [loss, discriminality, diversity] = terms as [Tensor, Tensor, Tensor];
  return { loss, discriminality, diversity };
}

/** The options with their defaults, checked; `keep` has one number per block. */
export function resolveChannelLoss(options: ChannelLossOptions, groups: ChannelGroups) {
  const { alpha = DEFAULT_WEIGHTS.alpha, beta = DEFAULT_WEIGHTS.beta } = options;
  const { perSample = false, pooling = "max", diversityPooling = "max" } = options;
  checkWeight("alpha", alpha);
  checkWeight("beta", beta);
  checkPooling("pooling", pooling);
  checkPooling("diversityPooling", diversityPooling);
  return { alpha, beta, perSample, pooling, diversityPooling, keep: resolveKeep(options.keep, groups) };
}

function resolveKeep(keep: ChannelLossOptions["keep"], groups: ChannelGroups): number[] {
  if (keep === undefined) return [];
  return groups.blocks.map(({ channels }) => {
    if (keep === "all") return channels;
    const kept = typeof keep === "function" ? keep(channels) : keep;
    if (Number.isInteger(kept) && kept >= 1 && kept <= channels) return kept;
    throw invalidArgument(
      "keep",
      `must be an integer from 1 to ${channels} for groups of ${channels}, got ${kept}`,
    );
  });
}

function checkWeight(argument: string, value: number): void {
  if (Number.isFinite(value)) return;
  throw invalidArgument(argument, `must be a finite number, got ${value}`);
}

function checkPooling(argument: string, value: string): void {
  if (value === "max" || value === "mean") return;
  throw invalidArgument(argument, `must be "max" or "mean", got "${value}"`);
}

function checkShapes(features: number[], labels: number[], groups: ChannelGroups, mask?: number[]): void {
  const [samples, channels] = features;
  if (features.length !== 4) throw shapeError("features", "must have shape [N, C, H, W]", features);
  if (channels !== groups.channels) {
    const owned = `have as many channels as the groups own (${groups.channels})`;
    throw shapeError("features", `must ${owned}`, features);
  }
  if (labels.length !== 1 || labels[0] !== samples)
    throw shapeError("labels", `must have shape [${samples}]`, labels);
  if (!mask) return;
  const fits =
    mask.at(-1) === channels && (mask.length === 1 || (mask.length === 2 && [1, samples].includes(mask[0])));
  if (!fits) throw shapeError("mask", `must have shape [${channels}] or [${samples}, ${channels}]`, mask);
}

function shapeError(argument: string, problem: string, shape: number[]): McLossError {
  return new McLossError("ERR_SHAPE", `${argument} ${problem}, got [${shape.join(", ")}]`, { argument });
}
