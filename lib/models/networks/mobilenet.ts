import { count, share } from "../../schema.js";
import { convolutionBlock, divisibleBy8, squeezeExcite, withSkip } from "../blocks.js";
import type { LayerSpec } from "../layers.js";
import { defineNetwork, imageNetWeights } from "./definition.js";
import { classifier, withHead } from "./head.js";

const options = {
  /** Side of the input. */
  inputSize: count.default(224),
  /** The share of the classifier's inputs that is zeroed in training. */
  dropout: share.default(0.2),
};

/** MobileNetV2 (Sandler et al. 2018); its 1280 channels are split among the classes. */
export const mobilenet_v2 = defineNetwork({
  name: "mobilenet_v2",
  summary: "MobileNetV2 (Sandler et al. 2018); its 1280 channels are split among the classes",
  options,
  weights: [
    imageNetWeights("mobilenet_v2-b0353104.pth", 13.555, "classifier.1"),
    imageNetWeights("mobilenet_v2-7ebf99e0.pth", 13.598, "classifier.1", {
      name: "imagenet-v2",
      resize: 232,
    }),
  ],
  build({ classes, inputSize, dropout }) {
    const features: LayerSpec[] = [convolutionBlock(3, 32, { stride: 2, activation: "relu6" })];
    let channels = 32;
    for (const [expansion, outChannels, blocks, firstStride] of V2_STAGES) {
      for (let block = 0; block < blocks; block += 1) {
        features.push(invertedResidual(channels, outChannels, expansion, block === 0 ? firstStride : 1));
        channels = outChannels;
      }
    }
    features.push(convolutionBlock(channels, 1280, { kernelSize: 1, activation: "relu6" }));
    return withHead("mobilenet_v2", { classes, inputSize, channels: 1280 }, features, [
      { type: "dropout", p: dropout },
      classifier(1280, classes, { weightStd: 0.01 }),
    ]);
  },
});

/** [expansion, channels, blocks, stride of the first] */
const V2_STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

function invertedResidual(
  inChannels: number,
  outChannels: number,
  expansion: number,
  stride: number,
): LayerSpec {
  const hidden = inChannels * expansion;
  const activation = "relu6";
  const layers: LayerSpec[] = [
    ...(expansion === 1 ? [] : [convolutionBlock(inChannels, hidden, { kernelSize: 1, activation })]),
    convolutionBlock(hidden, hidden, { stride, groups: hidden, activation }),
    { type: "conv2d", inChannels: hidden, outChannels, kernelSize: 1, bias: false },
    { type: "batchNorm2d", features: outChannels },
  ];
  const body: LayerSpec = { type: "sequential", name: "conv", layers };
  return withSkip([body], stride === 1 && inChannels === outChannels);
}

/** MobileNetV3 of the smaller form (Howard et al. 2019); its 576 channels are split among the classes. */
export const mobilenet_v3_small = defineNetwork({
  name: "mobilenet_v3_small",
  summary:
    "MobileNetV3 of the smaller form (Howard et al. 2019); its 576 channels are split among the classes",
  options,
  weights: [imageNetWeights("mobilenet_v3_small-047dcff4.pth", 9.829, "classifier.3")],
  build: (given) => mobileNetV3("mobilenet_v3_small", V3_SMALL, 1024, given),
});

/** MobileNetV3 of the larger form (Howard et al. 2019); its 960 channels are split among the classes. */
export const mobilenet_v3_large = defineNetwork({
  name: "mobilenet_v3_large",
  summary:
    "MobileNetV3 of the larger form (Howard et al. 2019); its 960 channels are split among the classes",
  options,
  weights: [
    imageNetWeights("mobilenet_v3_large-8738ca79.pth", 21.114, "classifier.3"),
    imageNetWeights("mobilenet_v3_large-5c1a4163.pth", 21.107, "classifier.3", {
      name: "imagenet-v2",
      resize: 232,
    }),
  ],
  build: (given) => mobileNetV3("mobilenet_v3_large", V3_LARGE, 1280, given),
});

type V3Block = readonly [
  kernelSize: number,
  expanded: number,
  outChannels: number,
  squeezes: boolean,
  activation: "relu" | "hardswish",
  stride: number,
];

const V3_SMALL: readonly V3Block[] = [
  [3, 16, 16, true, "relu", 2],
  [3, 72, 24, false, "relu", 2],
  [3, 88, 24, false, "relu", 1],
  [5, 96, 40, true, "hardswish", 2],
  [5, 240, 40, true, "hardswish", 1],
  [5, 240, 40, true, "hardswish", 1],
  [5, 120, 48, true, "hardswish", 1],
  [5, 144, 48, true, "hardswish", 1],
  [5, 288, 96, true, "hardswish", 2],
  [5, 576, 96, true, "hardswish", 1],
  [5, 576, 96, true, "hardswish", 1],
];

const V3_LARGE: readonly V3Block[] = [
  [3, 16, 16, false, "relu", 1],
  [3, 64, 24, false, "relu", 2],
  [3, 72, 24, false, "relu", 1],
  [5, 72, 40, true, "relu", 2],
  [5, 120, 40, true, "relu", 1],
  [5, 120, 40, true, "relu", 1],
  [3, 240, 80, false, "hardswish", 2],
  [3, 200, 80, false, "hardswish", 1],
  [3, 184, 80, false, "hardswish", 1],
  [3, 184, 80, false, "hardswish", 1],
  [3, 480, 112, true, "hardswish", 1],
  [3, 672, 112, true, "hardswish", 1],
  [5, 672, 160, true, "hardswish", 2],
  [5, 960, 160, true, "hardswish", 1],
  [5, 960, 160, true, "hardswish", 1],
];

const V3_NORM = { eps: 0.001, momentum: 0.01 };

function mobileNetV3(
  name: string,
  blocks: readonly V3Block[],
  hidden: number,
  { classes, inputSize, dropout }: { classes: number; inputSize: number; dropout: number },
) {
  const features: LayerSpec[] = [
    convolutionBlock(3, 16, { stride: 2, activation: "hardswish", norm: V3_NORM }),
  ];
  let channels = 16;
  for (const block of blocks) {
    features.push(v3Block(channels, block));
    [, , channels] = block;
  }
  const width = 6 * channels;
  features.push(convolutionBlock(channels, width, { kernelSize: 1, activation: "hardswish", norm: V3_NORM }));
  return withHead(name, { classes, inputSize, channels: width }, features, [
    classifier(width, hidden, { weightStd: 0.01 }),
    { type: "hardswish" },
    { type: "dropout", p: dropout },
    classifier(hidden, classes, { weightStd: 0.01 }),
  ]);
}

function v3Block(
  inChannels: number,
  [kernelSize, expanded, outChannels, squeezes, activation, stride]: V3Block,
): LayerSpec {
  const shared = { activation, norm: V3_NORM };
  const layers: LayerSpec[] = [];
  const next = () => String(layers.length);
  if (expanded !== inChannels)
    layers.push(convolutionBlock(inChannels, expanded, { ...shared, kernelSize: 1 }));
  layers.push(convolutionBlock(expanded, expanded, { ...shared, kernelSize, stride, groups: expanded }));
  if (squeezes) {
    const squeezed = divisibleBy8(Math.floor(expanded / 4));
    layers.push(squeezeExcite(expanded, squeezed, next(), { scale: "hardsigmoid" }));
  }
  layers.push(convolutionBlock(expanded, outChannels, { kernelSize: 1, norm: V3_NORM }));
  const body: LayerSpec = { type: "sequential", name: "block", layers };
  return withSkip([body], stride === 1 && inChannels === outChannels);
}
