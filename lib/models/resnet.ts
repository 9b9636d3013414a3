import { basicBlock, bottleneck, convNorm, denseHead, globalPool, splitGroups } from "./blocks.js";
import type { LayerSpec, Sequential } from "./layers.js";
import type { ModelSpec } from "./spec.js";

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
}

export interface ResNet50Options {
  /** K */
  classes: number;
  /** "mlp" (default): the dense head that the paper fine-tunes; "linear": torchvision's `fc`. */
  head?: "mlp" | "linear";
  /** Side of the input. Default 448, as the paper fine-tunes it. */
  inputSize?: number;
}

/** ResNet18 (He et al. 2016), in torchvision's form or in the form that the paper trains from scratch. */
export function resnet18Spec(options: ResNet18Options): ModelSpec {
  const { classes, channelsPerClass, inputSize = 224 } = options;
  const widened = channelsPerClass !== undefined;
  const channels = widened ? classes * channelsPerClass : 512;
  return {
    format: 1,
    name: widened ? "resnet18-mc" : "resnet18",
    input: { channels: 3, height: inputSize, width: inputSize },
    classes,
    groups: widened ? [{ classes, channels: channelsPerClass }] : splitGroups(channels, classes),
    layers: [
      ...stem(),
      basicStage("layer1", 64, 64, 1),
      basicStage("layer2", 64, 128, 2),
      basicStage("layer3", 128, 256, 2),
      basicStage("layer4", 256, channels, widened ? 1 : 2),
      ...(widened
        ? [...globalPool("max"), denseHead(channels, 512, classes)]
        : linearHead(channels, classes)),
    ],
    features: "layer4",
    ...(widened ? { init: "released" as const } : {}),
  };
}

/** ResNet50 (He et al. 2016) with torchvision's names; its 2048 channels are split among the classes. */
export function resnet50Spec(options: ResNet50Options): ModelSpec {
  const { classes, head = "mlp", inputSize = 448 } = options;
  const channels = 2048;
  return {
    format: 1,
    name: "resnet50",
    input: { channels: 3, height: inputSize, width: inputSize },
    classes,
    groups: splitGroups(channels, classes),
    layers: [
      ...stem(),
      bottleneckStage("layer1", 64, 64, 3, 1),
      bottleneckStage("layer2", 256, 128, 4, 2),
      bottleneckStage("layer3", 512, 256, 6, 2),
      bottleneckStage("layer4", 1024, 512, 3, 2),
      ...(head === "linear"
        ? linearHead(channels, classes)
        : [...globalPool("avg"), denseHead(channels, 512, classes)]),
    ],
    features: "layer4",
  };
}

function stem(): LayerSpec[] {
  return [
    ...convNorm(3, 64, { kernelSize: 7, stride: 2, names: ["conv1", "bn1"] }),
    { type: "relu", name: "relu" },
    { type: "maxPool2d", name: "maxpool", kernelSize: 3, stride: 2, padding: 1 },
  ];
}

function basicStage(name: string, inChannels: number, outChannels: number, stride: number): Sequential {
  const layers = [
    basicBlock(inChannels, outChannels, stride, "0"),
    basicBlock(outChannels, outChannels, 1, "1"),
  ];
  return { type: "sequential", name, layers };
}

function bottleneckStage(
  name: string,
  inChannels: number,
  width: number,
  blocks: number,
  stride: number,
): Sequential {
  const first = bottleneck(inChannels, width, stride, "0");
  const rest = Array.from({ length: blocks - 1 }, (_, i) => bottleneck(4 * width, width, 1, String(i + 1)));
  return { type: "sequential", name, layers: [first, ...rest] };
}

function linearHead(channels: number, classes: number): LayerSpec[] {
  return [...globalPool("avg"), { type: "linear", name: "fc", inFeatures: channels, outFeatures: classes }];
}
