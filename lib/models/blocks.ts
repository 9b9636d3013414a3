import { z } from "zod";
import { count, optionsOf, parse, parseOptions, text } from "../schema.js";
import { ChannelGroups, type ChannelBlock } from "../loss/channel-groups.js";
import type { LayerOf, LayerSpec, Residual, Sequential } from "./layers.js";

/** The parts that several networks share. */

/** Convolution without bias and batch normalisation, named as torchvision names them. */
export function convNorm(
  inChannels: number,
  outChannels: number,
  options: {
    kernelSize: number;
    stride?: number;
    groups?: number;
    names: readonly [conv: string, norm: string];
  },
): LayerSpec[] {
  const { kernelSize, stride = 1, groups = 1, names } = options;
  const convolution: LayerOf<"conv2d"> = {
    ...{ type: "conv2d", name: names[0], inChannels, outChannels, kernelSize, stride },
    ...{ padding: (kernelSize - 1) / 2, bias: false },
    // Specs are compared, so those of ungrouped convolutions stay as they are.
    ...(groups > 1 && { groups }),
  };
  return [convolution, { type: "batchNorm2d", name: names[1], features: outChannels }];
}

/** How a convolution, its normalisation and its activation differ from 3×3, stride 1, ReLU. */
interface ConvolutionBlock {
  /** Default: its position. */
  name?: string;
  /** Default 3. */
  kernelSize?: number;
  /** Default 1. */
  stride?: number;
  /** Default 1. */
  groups?: number;
  /** Default: none. */
  activation?: "relu" | "relu6" | "silu" | "hardswish";
  /** Of the normalisation. Default: PyTorch's. */
  norm?: { eps: number; momentum: number };
}

/** Convolution, batch normalisation and activation in one (torchvision's Conv2dNormActivation, with its names). */
export function convolutionBlock(
  inChannels: number,
  outChannels: number,
  { name, kernelSize = 3, stride = 1, groups = 1, activation, norm }: ConvolutionBlock = {},
): Sequential {
  const shape = { inChannels, outChannels, kernelSize, stride, groups };
  const layers: LayerSpec[] = [
    { type: "conv2d", ...shape, padding: (kernelSize - 1) / 2, bias: false },
    { type: "batchNorm2d", features: outChannels, ...norm },
    ...(activation ? [{ type: activation }] : []),
  ];
  return name === undefined ? { type: "sequential", layers } : { type: "sequential", name, layers };
}

/** Layers whose output the input is added to, where that has the same shape. */
export function withSkip(layers: readonly LayerSpec[], skips: boolean): Residual | Sequential {
  return skips ? { type: "residual", activation: "none", layers } : { type: "sequential", layers };
}

/** torchvision's _make_divisible: the nearest multiple of 8, or the next where that is more than 10 % less. */
export function divisibleBy8(channels: number): number {
  const nearest = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return nearest < 0.9 * channels ? nearest + 8 : nearest;
}

/**
 * The rate of stochastic depth of each block, from 0 for the first.
 * @param step the block that would have the rate `highest`
 */
export function depthRates(highest: number, blocks: number, step: number): number[] {
  return Array.from({ length: blocks }, (_, position) => highest * (position / step));
}

/** ResNet's two 3×3 convolutions (torchvision's BasicBlock). */
export function basicBlock(inChannels: number, outChannels: number, stride: number, name: string): Residual {
  return {
    type: "residual",
    name,
    layers: [
      ...convNorm(inChannels, outChannels, { kernelSize: 3, stride, names: ["conv1", "bn1"] }),
      { type: "relu", name: "relu" },
      ...convNorm(outChannels, outChannels, { kernelSize: 3, names: ["conv2", "bn2"] }),
    ],
    ...shortcut(inChannels, outChannels, stride),
  };
}

/** How wide the 3×3 convolution of a bottleneck is, and in how many groups. */
export interface Bottleneck {
  /** Channels that a group has for each 64 of the stage (torchvision's `width_per_group`). ResNet: 64. */
  groupWidth: number;
  /** ResNet: 1. */
  groups: number;
}

/** ResNet's 1×1, 3×3, 1×1 convolutions with the stride on the 3×3 (torchvision's Bottleneck). */
export function bottleneck(
  inChannels: number,
  channels: number,
  stride: number,
  name: string,
  { groupWidth, groups }: Bottleneck,
): Residual {
  const width = Math.floor((channels * groupWidth) / 64) * groups;
  const outChannels = channels * 4;
  return {
    type: "residual",
    name,
    layers: [
      ...convNorm(inChannels, width, { kernelSize: 1, names: ["conv1", "bn1"] }),
      { type: "relu", name: "relu1" },
      ...convNorm(width, width, { kernelSize: 3, stride, groups, names: ["conv2", "bn2"] }),
      { type: "relu", name: "relu2" },
      ...convNorm(width, outChannels, { kernelSize: 1, names: ["conv3", "bn3"] }),
    ],
    ...shortcut(inChannels, outChannels, stride),
  };
}

function shortcut(inChannels: number, outChannels: number, stride: number): Pick<Residual, "shortcut"> {
  if (stride === 1 && inChannels === outChannels) return {};
  const layers = convNorm(inChannels, outChannels, { kernelSize: 1, stride, names: ["0", "1"] });
  return { shortcut: { type: "sequential", layers } };
}

const squeezeExciteShape = z.strictObject({ channels: count, squeezed: count, name: text });
const squeezeExciteOptions = optionsOf<{ activation?: "relu" | "silu"; scale?: "sigmoid" | "hardsigmoid" }>({
  activation: z.enum(["relu", "silu"]).optional(),
  scale: z.enum(["sigmoid", "hardsigmoid"]).optional(),
});

/**
 * Squeeze-and-excitation (torchvision's SqueezeExcitation, with its names).
 * @param options those of EfficientNet are "silu" and "sigmoid", those of MobileNetV3 "relu" and "hardsigmoid". Default:
 * "relu" and "sigmoid"
 */
export function squeezeExcite(
  channels: number,
  squeezed: number,
  name: string,
  options: { activation?: "relu" | "silu"; scale?: "sigmoid" | "hardsigmoid" } = {},
): LayerSpec {
  parse(squeezeExciteShape, { channels, squeezed, name });
  const { activation = "relu", scale = "sigmoid" } = parseOptions(squeezeExciteOptions, options);
  return {
    type: "scale",
    name,
    layers: [
      { type: "adaptiveAvgPool2d", name: "avgpool", outputSize: 1 },
      { type: "conv2d", name: "fc1", inChannels: channels, outChannels: squeezed, kernelSize: 1 },
      { type: activation, name: "activation" },
      { type: "conv2d", name: "fc2", inChannels: squeezed, outChannels: channels, kernelSize: 1 },
      { type: scale, name: "scale_activation" },
    ],
  };
}

/** The paper's dense head: BatchNorm1d → Linear → BatchNorm1d → ELU → Linear. */
export function denseHead(features: number, hidden: number, classes: number): LayerSpec {
  return {
    type: "sequential",
    name: "classifier",
    layers: [
      { type: "batchNorm1d", features },
      { type: "linear", inFeatures: features, outFeatures: hidden },
      { type: "batchNorm1d", features: hidden },
      { type: "elu" },
      { type: "linear", inFeatures: hidden, outFeatures: classes },
    ],
  };
}

/** Pools the features to one value per channel and flattens them. */
export function globalPool(kind: "avg" | "max"): LayerSpec[] {
  const type = kind === "avg" ? "adaptiveAvgPool2d" : "adaptiveMaxPool2d";
  return [
    { type, name: "globalpool", outputSize: 1 },
    { type: "flatten", name: "flatten" },
  ];
}

/** MC-Loss needs at least one channel per class; with fewer the network has no groups. */
export function splitGroups(channels: number, classes: number): readonly ChannelBlock[] {
  return classes > channels ? [] : ChannelGroups.split(channels, classes).blocks;
}
