import { count } from "../../schema.js";
import { convolutionBlock, globalPool, splitGroups, squeezeExcite } from "../blocks.js";
import type { LayerSpec } from "../layers.js";
import { defineNetwork, imageNetWeights } from "./definition.js";

/** [blocks, channels] of the stages that the paper's formula gives for depth 21, w_0 80, w_a 42.63, w_m 2.66. */
const STAGES = [
  [2, 72],
  [5, 216],
  [13, 576],
  [1, 1512],
] as const;

/** Of each group of a 3×3 convolution. */
const GROUP_WIDTH = 24;
/** Channels between squeeze and excitation, of those of the block's input. */
const SQUEEZED = 0.25;
const CHANNELS = 1512;

/** RegNetY-3.2GF (Radosavovic et al. 2020); its 1512 channels are split among the classes. */
export const regnet_y_3_2gf = defineNetwork({
  name: "regnet_y_3_2gf",
  summary: "RegNetY-3.2GF (Radosavovic et al. 2020); its 1512 channels are split among the classes",
  options: {
    /** Side of the input. */
    inputSize: count.default(224),
  },
  weights: [
    imageNetWeights("regnet_y_3_2gf-b5a9779c.pth", 74.567, "fc"),
    imageNetWeights("regnet_y_3_2gf-9180c971.pth", 74.567, "fc", { name: "imagenet-v2", resize: 232 }),
  ],
  build: ({ classes, inputSize }) => ({
    format: 1,
    name: "regnet_y_3_2gf",
    input: { channels: 3, height: inputSize, width: inputSize },
    classes,
    groups: splitGroups(CHANNELS, classes),
    layers: [
      convolutionBlock(3, 32, { name: "stem", stride: 2, activation: "relu" }),
      { type: "sequential", name: "trunk_output", layers: stages() },
      ...globalPool("avg"),
      { type: "linear", name: "fc", inFeatures: CHANNELS, outFeatures: classes, weightStd: 0.01 },
    ],
    features: "trunk_output",
    // As torchvision's RegNet, whose biases of convolutions, unlike those of its ResNet, stay PyTorch's.
    init: "released",
  }),
});

function stages(): LayerSpec[] {
  let inChannels = 32;
  return STAGES.map(([blocks, channels], stage): LayerSpec => {
    const layers = Array.from({ length: blocks }, (_, position) => {
      const made = block(`block${stage + 1}-${position}`, inChannels, channels, position === 0 ? 2 : 1);
      inChannels = channels;
      return made;
    });
    return { type: "sequential", name: `block${stage + 1}`, layers };
  });
}

function block(name: string, inChannels: number, channels: number, stride: number): LayerSpec {
  const activation = "relu";
  const body: LayerSpec = {
    type: "sequential",
    name: "f",
    layers: [
      convolutionBlock(inChannels, channels, { name: "a", kernelSize: 1, activation }),
      convolutionBlock(channels, channels, { name: "b", stride, groups: channels / GROUP_WIDTH, activation }),
      squeezeExcite(channels, Math.round(SQUEEZED * inChannels), "se"),
      convolutionBlock(channels, channels, { name: "c", kernelSize: 1 }),
    ],
  };
  const projects = stride !== 1 || inChannels !== channels;
  const shortcut = convolutionBlock(inChannels, channels, { name: "proj", kernelSize: 1, stride });
  return { type: "residual", name, layers: [body], ...(projects && { shortcut }) };
}
