import { count, share } from "../../schema.js";
import { depthRates, globalPool, splitGroups } from "../blocks.js";
import type { LayerSpec } from "../layers.js";
import { defineNetwork, imageNetWeights, type WeightsFile } from "./definition.js";

const DEPTHS_TINY = [3, 3, 9, 3];
const DEPTHS = [3, 3, 27, 3];

/** ConvNeXt-T (Liu et al. 2022); its 768 channels are split among the classes. */
export const convnext_tiny = convNeXt(
  "convnext_tiny",
  "ConvNeXt-T (Liu et al. 2022); its 768 channels are split among the classes",
  {
    ...{ blocks: DEPTHS_TINY, channels: 96, stochasticDepth: 0.1 },
    weights: [imageNetWeights("convnext_tiny-983f1562.pth", 109.119, "classifier.2", { resize: 236 })],
  },
);

/** ConvNeXt-S (Liu et al. 2022); its 768 channels are split among the classes. */
export const convnext_small = convNeXt(
  "convnext_small",
  "ConvNeXt-S (Liu et al. 2022), three times as deep in its third stage",
  {
    ...{ blocks: DEPTHS, channels: 96, stochasticDepth: 0.4 },
    weights: [imageNetWeights("convnext_small-0c510722.pth", 191.703, "classifier.2", { resize: 230 })],
  },
);

/** ConvNeXt-B (Liu et al. 2022); its 1024 channels are split among the classes. */
export const convnext_base = convNeXt(
  "convnext_base",
  "ConvNeXt-B (Liu et al. 2022); its 1024 channels are split among the classes",
  {
    ...{ blocks: DEPTHS, channels: 128, stochasticDepth: 0.5 },
    weights: [imageNetWeights("convnext_base-6075fbad.pth", 338.064, "classifier.2", { resize: 232 })],
  },
);

interface Form {
  /** Of each stage. */
  blocks: readonly number[];
  /** Of the first stage; each next one has twice as many. */
  channels: number;
  stochasticDepth: number;
  weights: readonly WeightsFile[];
}

/** Weights as torchvision's start, with biases of 0. */
const START = { weightStd: 0.02 };

function convNeXt<const Name extends string>(name: Name, summary: string, form: Form) {
  const last = form.channels * 2 ** (form.blocks.length - 1);
  return defineNetwork({
    name,
    summary,
    options: {
      /** Side of the input. */
      inputSize: count.default(224),
      /** Stochastic depth: the share of a batch's images that skip the last block in training; less of those before it. */
      stochasticDepth: share.default(form.stochasticDepth),
    },
    weights: form.weights,
    build: ({ classes, inputSize, stochasticDepth }) => ({
      format: 1,
      name,
      input: { channels: 3, height: inputSize, width: inputSize },
      classes,
      groups: splitGroups(last, classes),
      layers: [
        { type: "sequential", name: "features", layers: featuresOf(form, stochasticDepth) },
        ...globalPool("avg").slice(0, 1),
        {
          type: "sequential",
          name: "classifier",
          layers: [
            norm(last),
            { type: "flatten" },
            { type: "linear", inFeatures: last, outFeatures: classes, ...START },
          ],
        },
      ],
      features: "features",
    }),
  });
}

function featuresOf({ blocks, channels: first }: Form, stochasticDepth: number): LayerSpec[] {
  const total = blocks.reduce((sum, count) => sum + count, 0);
  const rates = depthRates(stochasticDepth, total, total - 1);
  const patches: LayerSpec = {
    type: "conv2d",
    inChannels: 3,
    outChannels: first,
    kernelSize: 4,
    stride: 4,
    ...START,
  };
  return [
    { type: "sequential", layers: [patches, norm(first)] },
    ...blocks.flatMap((count, stage): LayerSpec[] => {
      const channels = first * 2 ** stage;
      const layers = Array.from({ length: count }, () => block(channels, rates.shift() ?? 0));
      return [...(stage > 0 ? [halving(channels)] : []), { type: "sequential", layers }];
    }),
  ];
}

function block(channels: number, rate: number): LayerSpec {
  const kernel = { kernelSize: 7, padding: 3, groups: channels, ...START };
  return {
    type: "residual",
    activation: "none",
    layers: [
      {
        type: "sequential",
        name: "block",
        layers: [
          { type: "conv2d", inChannels: channels, outChannels: channels, ...kernel },
          // torchvision has a permutation here, and one at the end: its names leave out a number.
          { ...norm(channels), name: "2" },
          { type: "linear", name: "3", inFeatures: channels, outFeatures: 4 * channels, ...START },
          { type: "gelu", name: "4" },
          { type: "linear", name: "5", inFeatures: 4 * channels, outFeatures: channels, ...START },
        ],
      },
      { type: "layerScale", name: "layer_scale", features: channels },
      { type: "stochasticDepth", name: "stochastic_depth", p: rate },
    ],
  };
}

/** Before each stage but the first: half the places each way, twice the channels. */
function halving(channels: number): LayerSpec {
  const shape = { inChannels: channels / 2, outChannels: channels, kernelSize: 2, stride: 2 };
  return { type: "sequential", layers: [norm(channels / 2), { type: "conv2d", ...shape, ...START }] };
}

function norm(features: number): LayerSpec {
  return { type: "layerNorm2d", features, eps: 1e-6 };
}
