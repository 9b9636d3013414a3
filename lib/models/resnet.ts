import { z } from "zod";
import { count, type Shape } from "../schema.js";
import { basicBlock, bottleneck, convNorm, denseHead, globalPool, splitGroups } from "./blocks.js";
import type { LayerSpec, Residual, Sequential } from "./layers.js";
import { initialization, type Initialization, type ModelSpec } from "./spec.js";

/** Options of {@link resnet18} and {@link resnet34}. */
export interface ResNet18Options {
  /** K */
  classes: number;
  /**
   * ξ. With it the network is the one that the paper trains from scratch: the last stage widened to K·ξ channels with
   * stride 1 (14×14 features at 224), max pooling and the dense head. Without it, torchvision's resnet18, the fair
   * cross-entropy baseline.
   */
  channelsPerClass?: number;
  /** Side of the input. Default 224. */
  inputSize?: number;
  /** Default: "released" for the paper's form, "torchvision" for the other. */
  init?: Initialization;
}

/** Options of {@link resnet50} and {@link resnet101}. */
export interface ResNet50Options {
  /** K */
  classes: number;
  /** "mlp" (default): the dense head that the paper fine-tunes; "linear": torchvision's `fc`. */
  head?: "mlp" | "linear";
  /** How the features are pooled before the head. Default "avg", as torchvision. */
  pool?: "avg" | "max";
  /** Side of the input. Default 448, as the paper fine-tunes it. */
  inputSize?: number;
  /** Default "torchvision". */
  init?: Initialization;
}

const init = initialization.optional();

export const resnet18Shape = {
  classes: count,
  channelsPerClass: count.optional(),
  inputSize: count.optional(),
  init,
} satisfies Shape<ResNet18Options>;

export const resnet50Shape = {
  classes: count,
  head: z.enum(["mlp", "linear"]).optional(),
  pool: z.enum(["avg", "max"]).optional(),
  inputSize: count.optional(),
  init,
} satisfies Shape<ResNet50Options>;

/** ResNet18 (He et al. 2016), in torchvision's form or in the form that the paper trains from scratch. */
export function resnet18Spec(options: ResNet18Options): ModelSpec {
  return basicResNet("resnet18", [2, 2, 2, 2], options);
}

/** ResNet34 (He et al. 2016); the options are ResNet18's. */
export function resnet34Spec(options: ResNet18Options): ModelSpec {
  return basicResNet("resnet34", [3, 4, 6, 3], options);
}

/** ResNet50 (He et al. 2016) with torchvision's names; its 2048 channels are split among the classes. */
export function resnet50Spec(options: ResNet50Options): ModelSpec {
  return bottleneckResNet("resnet50", [3, 4, 6, 3], options);
}

/** ResNet101 (He et al. 2016); the options are ResNet50's. */
export function resnet101Spec(options: ResNet50Options): ModelSpec {
  return bottleneckResNet("resnet101", [3, 4, 23, 3], options);
}

type Blocks = readonly [number, number, number, number];

function basicResNet(name: string, blocks: Blocks, options: ResNet18Options): ModelSpec {
  const { classes, channelsPerClass, inputSize = 224 } = options;
  const widened = channelsPerClass !== undefined;
  const channels = widened ? classes * channelsPerClass : 512;
  const { init = widened ? "released" : "torchvision" } = options;
  return {
    format: 1,
    name: widened ? `${name}-mc` : name,
    input: { channels: 3, height: inputSize, width: inputSize },
    classes,
    groups: widened ? [{ classes, channels: channelsPerClass }] : splitGroups(channels, classes),
    layers: [
      ...stem(),
      basicStage("layer1", 64, 64, blocks[0], 1),
      basicStage("layer2", 64, 128, blocks[1], 2),
      basicStage("layer3", 128, 256, blocks[2], 2),
      basicStage("layer4", 256, channels, blocks[3], widened ? 1 : 2),
      ...globalPool(widened ? "max" : "avg"),
      widened ? denseHead(channels, 512, classes) : linear(channels, classes),
    ],
    features: "layer4",
    init,
  };
}

function bottleneckResNet(name: string, blocks: Blocks, options: ResNet50Options): ModelSpec {
  const { classes, head = "mlp", pool = "avg", inputSize = 448, init = "torchvision" } = options;
  const channels = 2048;
  return {
    format: 1,
    name,
    input: { channels: 3, height: inputSize, width: inputSize },
    classes,
    groups: splitGroups(channels, classes),
    layers: [
      ...stem(),
      bottleneckStage("layer1", 64, 64, blocks[0], 1),
      bottleneckStage("layer2", 256, 128, blocks[1], 2),
      bottleneckStage("layer3", 512, 256, blocks[2], 2),
      bottleneckStage("layer4", 1024, 512, blocks[3], 2),
      ...globalPool(pool),
      head === "linear" ? linear(channels, classes) : denseHead(channels, 512, classes),
    ],
    features: "layer4",
    init,
  };
}

function basicStage(
  name: string,
  inChannels: number,
  outChannels: number,
  blocks: number,
  stride: number,
): Sequential {
  const first = basicBlock(inChannels, outChannels, stride, "0");
  return repeat(name, blocks, first, (position) => basicBlock(outChannels, outChannels, 1, position));
}

function bottleneckStage(
  name: string,
  inChannels: number,
  width: number,
  blocks: number,
  stride: number,
): Sequential {
  const first = bottleneck(inChannels, width, stride, "0");
  return repeat(name, blocks, first, (position) => bottleneck(4 * width, width, 1, position));
}

/** A first block, which may change the shape, and alike ones after it. */
function repeat(
  name: string,
  blocks: number,
  first: Residual,
  next: (position: string) => Residual,
): Sequential {
  const rest = Array.from({ length: blocks - 1 }, (_, i) => next(String(i + 1)));
  return { type: "sequential", name, layers: [first, ...rest] };
}

function stem(): LayerSpec[] {
  return [
    ...convNorm(3, 64, { kernelSize: 7, stride: 2, names: ["conv1", "bn1"] }),
    { type: "relu", name: "relu" },
    { type: "maxPool2d", name: "maxpool", kernelSize: 3, stride: 2, padding: 1 },
  ];
}

function linear(channels: number, classes: number): LayerSpec {
  return { type: "linear", name: "fc", inFeatures: channels, outFeatures: classes };
}
