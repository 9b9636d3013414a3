import { count } from "../../schema.js";
import { globalPool, splitGroups } from "../blocks.js";
import type { LayerSpec } from "../layers.js";
import type { ModelSpec } from "../spec.js";
import { defineNetwork, imageNetWeights } from "./definition.js";

const options = {
  /** Side of the input. */
  inputSize: count.default(224),
};

/** Files of torchvision's have dots within the names of layers, which are not allowed any more. */
const OLDER_NAMES = [[/(denselayer\d+\.(?:norm|conv))\.([12])\./, "$1$2."]] as const;

/** DenseNet121 (Huang et al. 2017); its 1024 channels are split among the classes. */
export const densenet121 = defineNetwork({
  name: "densenet121",
  summary: "DenseNet121 (Huang et al. 2017); its 1024 channels are split among the classes",
  options,
  weights: [imageNetWeights("densenet121-a639ec97.pth", 30.845, "classifier")],
  olderNames: OLDER_NAMES,
  build: (given) => denseNet("densenet121", { growth: 32, blocks: [6, 12, 24, 16], channels: 64 }, given),
});

/** DenseNet161 (Huang et al. 2017); its 2208 channels are split among the classes. */
export const densenet161 = defineNetwork({
  name: "densenet161",
  summary: "DenseNet161 (Huang et al. 2017); its 2208 channels are split among the classes",
  options,
  weights: [imageNetWeights("densenet161-8d451a50.pth", 110.369, "classifier")],
  olderNames: OLDER_NAMES,
  build: (given) => denseNet("densenet161", { growth: 48, blocks: [6, 12, 36, 24], channels: 96 }, given),
});

interface Form {
  /** Channels that each layer adds. */
  growth: number;
  /** Layers of each block. */
  blocks: readonly number[];
  /** Of the first convolution. */
  channels: number;
}

function denseNet(
  name: string,
  { growth, blocks, channels: first }: Form,
  { classes, inputSize }: { classes: number; inputSize: number },
): ModelSpec {
  const features: LayerSpec[] = [
    convolution("conv0", 3, first, { kernelSize: 7, stride: 2, padding: 3 }),
    { type: "batchNorm2d", name: "norm0", features: first },
    { type: "relu", name: "relu0" },
    { type: "maxPool2d", name: "pool0", kernelSize: 3, stride: 2, padding: 1 },
  ];
  let channels = first;
  blocks.forEach((layers, index) => {
    if (index > 0) {
      features.push(transition(`transition${index}`, channels));
      channels /= 2;
    }
    features.push(denseBlock(`denseblock${index + 1}`, channels, layers, growth));
    channels += layers * growth;
  });
  features.push({ type: "batchNorm2d", name: "norm5", features: channels });
  return {
    format: 1,
    name,
    input: { channels: 3, height: inputSize, width: inputSize },
    classes,
    groups: splitGroups(channels, classes),
    layers: [
      { type: "sequential", name: "features", layers: features },
      { type: "relu", name: "relu" },
      ...globalPool("avg"),
      { type: "linear", name: "classifier", inFeatures: channels, outFeatures: classes },
    ],
    features: "relu",
  };
}

function denseBlock(name: string, inChannels: number, layers: number, growth: number): LayerSpec {
  return {
    type: "sequential",
    name,
    layers: Array.from({ length: layers }, (_, position) =>
      denseLayer(`denselayer${position + 1}`, inChannels + position * growth, growth),
    ),
  };
}

function denseLayer(name: string, inChannels: number, growth: number): LayerSpec {
  const hidden = 4 * growth;
  return {
    type: "denseConnection",
    name,
    layers: [
      { type: "batchNorm2d", name: "norm1", features: inChannels },
      { type: "relu", name: "relu1" },
      convolution("conv1", inChannels, hidden),
      { type: "batchNorm2d", name: "norm2", features: hidden },
      { type: "relu", name: "relu2" },
      convolution("conv2", hidden, growth, { kernelSize: 3, padding: 1 }),
    ],
  };
}

function transition(name: string, channels: number): LayerSpec {
  return {
    type: "sequential",
    name,
    layers: [
      { type: "batchNorm2d", name: "norm", features: channels },
      { type: "relu", name: "relu" },
      convolution("conv", channels, channels / 2),
      { type: "avgPool2d", name: "pool", kernelSize: 2 },
    ],
  };
}

/** As torchvision starts it: kaiming_normal_ with fan_in. */
function convolution(
  name: string,
  inChannels: number,
  outChannels: number,
  {
    kernelSize = 1,
    stride = 1,
    padding = 0,
  }: { kernelSize?: number; stride?: number; padding?: number } = {},
): LayerSpec {
  const weightStd = Math.sqrt(2 / (inChannels * kernelSize ** 2));
  return {
    type: "conv2d",
    name,
    inChannels,
    outChannels,
    kernelSize,
    stride,
    padding,
    bias: false,
    weightStd,
  };
}
