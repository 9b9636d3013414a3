import { z } from "zod";
import { splitGroups } from "../blocks.js";
import type { LayerSpec } from "../layers.js";
import { defineNetwork, imageNetWeights } from "./definition.js";

const FEATURES = 768;
const HIDDEN = 3072;
const HEADS = 12;
const BLOCKS = 12;
const PATCH = 16;

/**
 * ViT-B/16 (Dosovitskiy et al. 2021): the classifier reads the class token, and the features are the map of the patches'
 * tokens, whose 768 channels are split among the classes.
 */
export const vit_b_16 = defineNetwork({
  name: "vit_b_16",
  summary:
    "ViT-B/16 (Dosovitskiy et al. 2021); its features are the map of the patches' tokens, whose 768 channels are split among the " +
    "classes",
  options: {
    /** Side of the input, a multiple of 16; ImageNet's weights are for 224. */
    inputSize: z.int().positive().multipleOf(PATCH).default(224),
  },
  weights: [imageNetWeights("vit_b_16-c867db91.pth", 330.285, "heads.head")],
  olderNames: [
    [/\.mlp\.linear_1\./, ".mlp.0."],
    [/\.mlp\.linear_2\./, ".mlp.3."],
  ],
  build({ classes, inputSize }) {
    const side = inputSize / PATCH;
    return {
      format: 1,
      name: "vit_b_16",
      input: { channels: 3, height: inputSize, width: inputSize },
      classes,
      groups: splitGroups(FEATURES, classes),
      layers: [
        {
          ...{ type: "conv2d", name: "conv_proj", inChannels: 3, outChannels: FEATURES },
          ...{ kernelSize: PATCH, stride: PATCH, weightStd: Math.sqrt(1 / (3 * PATCH ** 2)) },
        },
        { type: "classToken", name: "class_token", features: FEATURES },
        { type: "sequential", name: "encoder", layers: encoder(side ** 2 + 1) },
        {
          type: "aside",
          name: "patches",
          layers: [{ type: "dropClassToken", name: "map", height: side, width: side }],
        },
        { type: "takeClassToken", name: "token" },
        {
          type: "sequential",
          name: "heads",
          layers: [
            { type: "linear", name: "head", inFeatures: FEATURES, outFeatures: classes, weightBound: 0 },
          ],
        },
      ],
      features: "patches.map",
    };
  },
});

function encoder(tokens: number): LayerSpec[] {
  const blocks = Array.from({ length: BLOCKS }, (_, position) => block(`encoder_layer_${position}`));
  return [
    { type: "positionEmbedding", name: "pos_embedding", tokens, features: FEATURES },
    { type: "sequential", name: "layers", layers: blocks },
    norm("ln"),
  ];
}

function block(name: string): LayerSpec {
  const added = { type: "residual", activation: "none", inline: true } as const;
  return {
    type: "sequential",
    name,
    layers: [
      {
        ...added,
        name: "attended",
        layers: [
          norm("ln_1"),
          { type: "attention", name: "self_attention", features: FEATURES, heads: HEADS },
        ],
      },
      { ...added, name: "mixed", layers: [norm("ln_2"), perceptron()] },
    ],
  };
}

/** torchvision's MLPBlock, which has dropout after each linear layer. */
function perceptron(): LayerSpec {
  const weightBound = Math.sqrt(6 / (FEATURES + HIDDEN));
  return {
    type: "sequential",
    name: "mlp",
    layers: [
      { type: "linear", name: "0", inFeatures: FEATURES, outFeatures: HIDDEN, weightBound },
      { type: "gelu", name: "1" },
      { type: "linear", name: "3", inFeatures: HIDDEN, outFeatures: FEATURES, weightBound },
    ],
  };
}

function norm(name: string): LayerSpec {
  return { type: "layerNorm2d", name, features: FEATURES, eps: 1e-6 };
}
