import { flatten, isRecord, textOf } from "../plain-data.js";
import { CENTER_DEFAULTS, completeLoss, isPlainCrossEntropy, type CompleteLoss } from "./complete-loss.js";

/**
 * A loss in few words, which tell it from every other: "MC-Loss α 1.5 β 20, no CWA".
 * @param loss of a trainer or of a recipe
 */
export function describeLoss(loss: unknown): string {
  return describeParts(completeLoss(loss)).join(", ");
}

function describeParts(loss: CompleteLoss): string[] {
  const { type, center, ...options } = loss;
  const describe = DESCRIPTIONS[type];
  const parts = describe ? describe(options) : [type, ...describeRest(options)];
  return center === undefined ? parts : [...parts, ...describeCenter(center)];
}

type Options = Readonly<Record<string, unknown>>;

const DESCRIPTIONS: Readonly<Record<string, (options: Options) => string[]>> = {
  ce: ({ labelSmoothing, ...rest }) => [
    "cross-entropy",
    ...(labelSmoothing === 0 ? [] : [`label smoothing ${textOf(labelSmoothing)}`]),
    ...describeRest(rest),
  ],
  focal: ({ gamma, ...rest }) => [`focal loss γ ${textOf(gamma)}`, ...describeRest(rest)],
  mc: describeChannels,
};

function describeChannels(options: Options): string[] {
  const { alpha, beta, keep, perSample, pooling, diversityPooling, classification, ...rest } = options;
  const weights = [
    ...(alpha === 0 ? [] : [`α ${textOf(alpha)}`]),
    ...(beta === 0 ? [] : [`β ${textOf(beta)}`]),
  ];
  return [
    ["MC-Loss", ...weights].join(" "),
    ...describeKeep(keep),
    ...(perSample === true ? ["a mask per sample"] : []),
    ...(pooling === "mean" ? ["CCAP"] : []),
    ...(diversityPooling === "mean" ? ["mean diversity"] : []),
    ...(beta === 0 ? ["no diversity"] : []),
    ...(alpha === 0 ? ["no discriminality"] : []),
    ...(isPlainCrossEntropy(classification) ? [] : describeParts(classification as CompleteLoss)),
    ...describeRest(rest),
  ];
}

/** How channel-wise attention keeps channels. */
function describeKeep(keep: unknown): string[] {
  if (keep === "all") return ["no CWA"];
  if (!isRecord(keep)) return [`keeps ${textOf(keep)} channels`];
  return keep["drop"] === 0.5 ? [] : [`drops ${textOf(keep["drop"])} of the channels`];
}

function describeCenter(center: unknown): string[] {
  const { weight, rate, ...rest } = center as Options;
  return [
    `center loss λ ${textOf(weight)}`,
    ...(rate === CENTER_DEFAULTS.rate ? [] : [`center rate ${textOf(rate)}`]),
    ...describeRest(rest),
  ];
}

function describeRest(options: Options): string[] {
  return flatten(options).map(([path, value]) => `${path} ${textOf(value)}`);
}
