import { ownChannels } from "../../loss/channel-groups.js";
import { count, flag } from "../../schema.js";
import { denseHead, splitGroups } from "../blocks.js";
import type { LayerSpec } from "../layers.js";
import { initialization, type Initialization, type ModelSpec } from "../spec.js";
import { defineNetwork, imageNetWeights } from "./definition.js";

const WITHOUT_NORM = imageNetWeights("vgg16-397923af.pth", 527.796, "classifier.6");

/** VGG16 (Simonyan & Zisserman 2015), in torchvision's form or the paper's. */
export const vgg16 = defineNetwork({
  name: "vgg16",
  summary:
    "VGG16 (Simonyan & Zisserman 2015), in torchvision's form or in the form that the paper trains from scratch",
  options: {
    /**
     * ξ. With it the network is the one that the paper trains from scratch: conv4_3 and conv5_3 widened to K·ξ channels,
     * no pooling after conv5 (14×14 features at 224), and the dense head. Without it, torchvision's vgg16_bn.
     */
    channelsPerClass: ownChannels.optional(),
    /** Whether batch normalisation follows each convolution (torchvision's vgg16_bn), or none (vgg16). */
    batchNorm: flag.default(true),
    /** Side of the input, a multiple of 32. */
    inputSize: count.default(224),
    /**
     * How the weights start. Default: "pytorch" for the paper's form, as the authors trained it; "torchvision" for the
     * other, whose linear layers then start from normal(0, 0.01) with biases of 0.
     */
    init: initialization.optional(),
  },
  byName: { channelsPerClass: 3 },
  weights: [
    imageNetWeights("vgg16_bn-6c64b313.pth", 527.866, "classifier.6", { fits: hasBatchNorm }),
    WITHOUT_NORM,
  ],
  build({ classes, channelsPerClass, batchNorm, inputSize, init: given }) {
    const widened = channelsPerClass !== undefined;
    const channels = widened ? classes * channelsPerClass : 512;
    const convolutions = convolutionLayers(channels, batchNorm);
    const init = given ?? (widened ? "pytorch" : "torchvision");
    return {
      format: 1,
      name: widened ? "vgg16-mc" : "vgg16",
      input: { channels: 3, height: inputSize, width: inputSize },
      classes,
      groups: widened ? [{ classes, channels: channelsPerClass }] : splitGroups(channels, classes),
      layers: [
        { type: "sequential", name: "features", layers: convolutions },
        ...(widened ? paperHead(channels, inputSize, classes) : torchvisionHead(classes, init)),
      ],
      features: "features",
      init,
    };
  },
});

/**
 * B-CNN (Lin et al. 2015) as the paper uses it: VGG16's convolutions with torchvision's names, bilinear pooling, and one
 * linear layer. Its 512 channels are split among the classes.
 */
export const bilinearVgg16 = defineNetwork({
  name: "bilinear-vgg16",
  summary:
    "VGG16's convolutions with bilinear pooling (B-CNN; Lin et al. 2015), whose 512 channels are split among the classes",
  options: {
    /** Side of the input; the paper fine-tunes at 448. */
    inputSize: count.default(448),
    /** How the weights start. */
    init: initialization.default("torchvision"),
  },
  weights: [WITHOUT_NORM],
  build({ classes, inputSize, init }) {
    const channels = 512;
    return {
      format: 1,
      name: "bilinear-vgg16",
      input: { channels: 3, height: inputSize, width: inputSize },
      classes,
      groups: splitGroups(channels, classes),
      layers: [
        { type: "sequential", name: "features", layers: convolutionLayers(channels, false) },
        { type: "bilinearPool", name: "pool" },
        { type: "linear", name: "classifier", inFeatures: channels * channels, outFeatures: classes },
      ],
      features: "features",
      init,
    };
  },
});

function hasBatchNorm({ layers }: ModelSpec): boolean {
  return layers.some(
    (layer) => layer.type === "sequential" && layer.layers.some(({ type }) => type === "batchNorm2d"),
  );
}

/** torchvision's `features` without the pooling after conv5, which the heads do. */
function convolutionLayers(channels: number, batchNorm: boolean): LayerSpec[] {
  const stages = [
    [64, 64],
    [128, 128],
    [256, 256, 256],
    [512, 512, channels],
    [512, 512, channels],
  ];
  const layers: LayerSpec[] = [];
  let inChannels = 3;
  stages.forEach((stage, index) => {
    if (index > 0) layers.push({ type: "maxPool2d", kernelSize: 2 });
    for (const outChannels of stage) {
      layers.push({ type: "conv2d", inChannels, outChannels, kernelSize: 3, padding: 1 });
      if (batchNorm) layers.push({ type: "batchNorm2d", features: outChannels });
      layers.push({ type: "relu" });
      inChannels = outChannels;
    }
  });
  return layers;
}

function paperHead(channels: number, inputSize: number, classes: number): LayerSpec[] {
  const side = inputSize / 32;
  return [
    { type: "maxPool2d", name: "maxpool", kernelSize: 2 },
    { type: "flatten", name: "flatten" },
    denseHead(channels * side * side, 512, classes),
  ];
}

function torchvisionHead(classes: number, init: Initialization): LayerSpec[] {
  const linear = (inFeatures: number, outFeatures: number): LayerSpec => ({
    type: "linear",
    inFeatures,
    outFeatures,
    ...(init === "torchvision" ? { weightStd: 0.01 } : {}),
  });
  return [
    { type: "maxPool2d", name: "maxpool", kernelSize: 2 },
    { type: "adaptiveAvgPool2d", name: "avgpool", outputSize: 7 },
    { type: "flatten", name: "flatten" },
    {
      type: "sequential",
      name: "classifier",
      layers: [
        linear(512 * 7 * 7, 4096),
        { type: "relu" },
        { type: "dropout" },
        linear(4096, 4096),
        { type: "relu" },
        { type: "dropout" },
        linear(4096, classes),
      ],
    },
  ];
}
