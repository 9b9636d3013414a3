import { count, share } from "../../schema.js";
import { convolutionBlock, depthRates, divisibleBy8, squeezeExcite, withSkip } from "../blocks.js";
import type { LayerSpec } from "../layers.js";
import { defineNetwork, imageNetWeights, type WeightsFile } from "./definition.js";
import { classifier, withHead } from "./head.js";

/** Blocks of one shape: [expansion, side of the window, stride of the first, channels in, channels out, blocks]. */
type Stage = readonly [number, number, number, number, number, number];

/** Table 1 of the paper. */
const BASE: readonly Stage[] = [
  [1, 3, 1, 32, 16, 1],
  [6, 3, 2, 16, 24, 2],
  [6, 5, 2, 24, 40, 2],
  [6, 3, 2, 40, 80, 3],
  [6, 5, 1, 80, 112, 3],
  [6, 5, 2, 112, 192, 4],
  [6, 3, 1, 192, 320, 1],
];

/** Table 4 of the second paper. */
const FUSED_V2_S: readonly Stage[] = [
  [1, 3, 1, 24, 24, 2],
  [4, 3, 2, 24, 48, 4],
  [4, 3, 2, 48, 64, 4],
];
const V2_S: readonly Stage[] = [
  [4, 3, 2, 64, 128, 6],
  [6, 3, 1, 128, 160, 9],
  [6, 3, 2, 160, 256, 15],
];

/** EfficientNet-B0 (Tan & Le 2019); its 1280 channels are split among the classes. */
export const efficientnet_b0 = efficientNet("efficientnet_b0", "EfficientNet-B0 (Tan & Le 2019)", {
  ...compound(1, 1),
  inputSize: 224,
  dropout: 0.2,
  weights: [file("efficientnet_b0_rwightman-7f5810bc.pth", 20.451, { interpolation: "bicubic" })],
});

/** EfficientNet-B1 (Tan & Le 2019). */
export const efficientnet_b1 = efficientNet("efficientnet_b1", "EfficientNet-B1, deeper than B0", {
  ...compound(1, 1.1),
  inputSize: 240,
  dropout: 0.2,
  weights: [
    file("efficientnet_b1_rwightman-bac287d4.pth", 30.134, { interpolation: "bicubic", crop: 240 }),
    file("efficientnet_b1-c27df63c.pth", 30.136, { name: "imagenet-v2", crop: 240, resize: 255 }),
  ],
});

/** EfficientNet-B2 (Tan & Le 2019). */
export const efficientnet_b2 = efficientNet("efficientnet_b2", "EfficientNet-B2, wider and deeper than B1", {
  ...compound(1.1, 1.2),
  inputSize: 288,
  dropout: 0.3,
  weights: [
    file("efficientnet_b2_rwightman-c35c1473.pth", 35.174, {
      interpolation: "bicubic",
      crop: 288,
      resize: 288,
    }),
  ],
});

/** EfficientNet-B3 (Tan & Le 2019). */
export const efficientnet_b3 = efficientNet("efficientnet_b3", "EfficientNet-B3, wider and deeper than B2", {
  ...compound(1.2, 1.4),
  inputSize: 300,
  dropout: 0.3,
  weights: [
    file("efficientnet_b3_rwightman-b3899882.pth", 47.184, {
      interpolation: "bicubic",
      crop: 300,
      resize: 320,
    }),
  ],
});

/** EfficientNet-B4 (Tan & Le 2019). */
export const efficientnet_b4 = efficientNet("efficientnet_b4", "EfficientNet-B4, wider and deeper than B3", {
  ...compound(1.4, 1.8),
  inputSize: 380,
  dropout: 0.4,
  weights: [
    file("efficientnet_b4_rwightman-23ab8bcd.pth", 74.489, {
      interpolation: "bicubic",
      crop: 380,
      resize: 384,
    }),
  ],
});

/** EfficientNetV2-S (Tan & Le 2021), whose first stages have one convolution in place of two. */
export const efficientnet_v2_s = efficientNet(
  "efficientnet_v2_s",
  "EfficientNetV2-S (Tan & Le 2021), whose first stages have one convolution in place of two",
  {
    fused: FUSED_V2_S,
    stages: V2_S,
    channels: 1280,
    inputSize: 384,
    dropout: 0.2,
    norm: { eps: 1e-3, momentum: 0.1 },
    weights: [file("efficientnet_v2_s-dd5fe13b.pth", 82.704, { crop: 384, resize: 384 })],
  },
);

interface Form {
  /** Stages whose blocks have one convolution in place of an expanding and a depthwise one. Default: none. */
  fused?: readonly Stage[];
  stages: readonly Stage[];
  /** Of the features. */
  channels: number;
  inputSize: number;
  dropout: number;
  /** Default: PyTorch's. */
  norm?: { eps: number; momentum: number };
  weights: readonly WeightsFile[];
}

function file(...[name, size, input]: [string, number, Parameters<typeof imageNetWeights>[3]]): WeightsFile {
  return imageNetWeights(name, size, "classifier.1", input);
}

/** The base network with so many times its channels and blocks. */
function compound(width: number, depth: number): Pick<Form, "stages" | "channels"> {
  const wider = (channels: number) => divisibleBy8(channels * width);
  const stages = BASE.map(([expansion, kernelSize, stride, inChannels, outChannels, blocks]): Stage => [
    ...([expansion, kernelSize, stride, wider(inChannels), wider(outChannels)] as const),
    Math.ceil(blocks * depth),
  ]);
  return { stages, channels: 4 * wider(320) };
}

function efficientNet<const Name extends string>(name: Name, summary: string, form: Form) {
  return defineNetwork({
    name,
    summary,
    options: {
      /** Side of the input. */
      inputSize: count.default(form.inputSize),
      /** The share of the classifier's inputs that is zeroed in training. */
      dropout: share.default(form.dropout),
      /** Stochastic depth: the share of a batch's images that skip a block in training; so much for the last, less before. */
      stochasticDepth: share.default(0.2),
    },
    weights: form.weights,
    build: ({ classes, inputSize, dropout, stochasticDepth }) =>
      withHead(name, { classes, inputSize, channels: form.channels }, featuresOf(form, stochasticDepth), [
        { type: "dropout", p: dropout },
        classifier(form.channels, classes, { weightBound: 1 / Math.sqrt(classes) }),
      ]),
  });
}

function featuresOf({ fused = [], stages, channels, norm }: Form, depth: number): LayerSpec[] {
  const all = [
    ...fused.map((stage) => ({ stage, make: fusedBlock })),
    ...stages.map((stage) => ({ stage, make: block })),
  ];
  const blocks = all.reduce((sum, { stage }) => sum + stage[5], 0);
  const rates = depthRates(depth, blocks, blocks);
  const first = all[0]?.stage[3] ?? 0;
  const last = all.at(-1)?.stage[4] ?? 0;
  const layers = all.map(({ stage, make }): LayerSpec => {
    const [expansion, kernelSize, stride, inChannels, outChannels, count] = stage;
    return {
      type: "sequential",
      layers: Array.from({ length: count }, (_, position) => {
        const shape = position === 0 ? { inChannels, stride } : { inChannels: outChannels, stride: 1 };
        return make({ ...shape, outChannels, expansion, kernelSize, norm }, rates.shift() ?? 0);
      }),
    };
  });
  return [
    convolutionBlock(3, first, { stride: 2, activation: "silu", norm }),
    ...layers,
    convolutionBlock(last, channels, { kernelSize: 1, activation: "silu", norm }),
  ];
}

interface Block {
  inChannels: number;
  outChannels: number;
  expansion: number;
  kernelSize: number;
  stride: number;
  norm: Form["norm"];
}

/** torchvision's MBConv. */
function block(shape: Block, rate: number): LayerSpec {
  const { inChannels, outChannels, expansion, kernelSize, stride, norm } = shape;
  const hidden = divisibleBy8(inChannels * expansion);
  const shared = { activation: "silu", norm } as const;
  const expanding =
    hidden === inChannels ? [] : [convolutionBlock(inChannels, hidden, { ...shared, kernelSize: 1 })];
  const depthwise = convolutionBlock(hidden, hidden, { ...shared, kernelSize, stride, groups: hidden });
  const squeezed = Math.max(1, Math.floor(inChannels / 4));
  const name = String(expanding.length + 1);
  return skipping(shape, rate, [
    ...expanding,
    depthwise,
    squeezeExcite(hidden, squeezed, name, { activation: "silu" }),
    convolutionBlock(hidden, outChannels, { kernelSize: 1, norm }),
  ]);
}

/** torchvision's FusedMBConv. */
function fusedBlock(shape: Block, rate: number): LayerSpec {
  const { inChannels, outChannels, expansion, kernelSize, stride, norm } = shape;
  const hidden = divisibleBy8(inChannels * expansion);
  const shared = { kernelSize, stride, activation: "silu", norm } as const;
  if (hidden === inChannels)
    return skipping(shape, rate, [convolutionBlock(inChannels, outChannels, shared)]);
  return skipping(shape, rate, [
    convolutionBlock(inChannels, hidden, shared),
    convolutionBlock(hidden, outChannels, { kernelSize: 1, norm }),
  ]);
}

function skipping({ inChannels, outChannels, stride }: Block, rate: number, layers: LayerSpec[]): LayerSpec {
  const body: LayerSpec = { type: "sequential", name: "block", layers };
  if (stride !== 1 || inChannels !== outChannels) return withSkip([body], false);
  return withSkip([body, { type: "stochasticDepth", name: "stochastic_depth", p: rate }], true);
}
