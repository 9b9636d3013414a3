import { count, share } from "../../schema.js";
import { depthRates, globalPool, splitGroups } from "../blocks.js";
import type { LayerSpec } from "../layers.js";
import { defineNetwork, imageNetWeights } from "./definition.js";

/** [blocks, heads] */
const STAGES = [
  [2, 3],
  [2, 6],
  [6, 12],
  [2, 24],
] as const;
const BLOCKS = 12;
const FIRST = 96;
const CHANNELS = 768;
const WINDOW = 7;

/** Of linear layers, as torchvision starts them; biases from 0. */
const START = { weightStd: 0.02 };

/** Swin-T (Liu et al. 2021); its 768 channels are split among the classes. */
export const swin_t = defineNetwork({
  name: "swin_t",
  summary: "Swin-T (Liu et al. 2021); its 768 channels are split among the classes",
  options: {
    /** Side of the input. */
    inputSize: count.default(224),
    /** Stochastic depth: the share of a batch's images that skip the last block in training; less of those before it. */
    stochasticDepth: share.default(0.2),
  },
  weights: [
    imageNetWeights("swin_t-704ceda3.pth", 108.19, "head", { interpolation: "bicubic", resize: 232 }),
  ],
  build: ({ classes, inputSize, stochasticDepth }) => ({
    format: 1,
    name: "swin_t",
    input: { channels: 3, height: inputSize, width: inputSize },
    classes,
    groups: splitGroups(CHANNELS, classes),
    layers: [
      { type: "sequential", name: "features", layers: featuresOf(stochasticDepth) },
      { type: "layerNorm2d", name: "norm", features: CHANNELS },
      ...globalPool("avg"),
      { type: "linear", name: "head", inFeatures: CHANNELS, outFeatures: classes, ...START },
    ],
    features: "norm",
  }),
});

function featuresOf(stochasticDepth: number): LayerSpec[] {
  const rates = depthRates(stochasticDepth, BLOCKS, BLOCKS - 1);
  return [
    {
      type: "sequential",
      layers: [
        { type: "conv2d", inChannels: 3, outChannels: FIRST, kernelSize: 4, stride: 4 },
        // torchvision has a permutation before it.
        { type: "layerNorm2d", name: "2", features: FIRST },
      ],
    },
    ...STAGES.flatMap(([blocks, heads], stage): LayerSpec[] => {
      const features = FIRST * 2 ** stage;
      const layers = Array.from({ length: blocks }, (_, position) =>
        block({ features, heads, shifted: position % 2 === 1, rate: rates.shift() ?? 0 }),
      );
      return [...(stage > 0 ? [merging(features / 2)] : []), { type: "sequential", layers }];
    }),
  ];
}

interface Block {
  features: number;
  heads: number;
  shifted: boolean;
  /** Of stochastic depth. */
  rate: number;
}

function block({ features, heads, shifted, rate }: Block): LayerSpec {
  const added = { type: "residual", activation: "none", inline: true } as const;
  const depth = (name: string): LayerSpec => ({ type: "stochasticDepth", name, p: rate });
  return {
    type: "sequential",
    layers: [
      {
        ...added,
        name: "attended",
        layers: [
          { type: "layerNorm2d", name: "norm1", features },
          { type: "windowAttention", name: "attn", features, heads, windowSize: WINDOW, shifted },
          depth("stochastic_depth1"),
        ],
      },
      {
        ...added,
        name: "mixed",
        layers: [
          { type: "layerNorm2d", name: "norm2", features },
          perceptron(features),
          depth("stochastic_depth2"),
        ],
      },
    ],
  };
}

/** torchvision's MLP, which has dropout after each linear layer. */
function perceptron(features: number): LayerSpec {
  return {
    type: "sequential",
    name: "mlp",
    layers: [
      { type: "linear", name: "0", inFeatures: features, outFeatures: 4 * features, ...START },
      { type: "gelu", name: "1" },
      { type: "linear", name: "3", inFeatures: 4 * features, outFeatures: features, ...START },
    ],
  };
}

/** Half the places each way, twice the channels. */
function merging(features: number): LayerSpec {
  const linear = { inFeatures: 4 * features, outFeatures: 2 * features, bias: false };
  return {
    type: "sequential",
    layers: [
      { type: "spaceToDepth", name: "merged" },
      { type: "layerNorm2d", name: "norm", features: 4 * features },
      { type: "linear", name: "reduction", ...linear, ...START },
    ],
  };
}
