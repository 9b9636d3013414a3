import { basicBlock, bottleneck, convNorm, denseHead, globalPool, splitGroups } from "./blocks.js";
import type { LayerSpec, Residual, Sequential } from "./layers.js";
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
  return {
    format: 1,
    name: widened ? `${name}-mc` : name,
    input: { channels: 3, height: inputSize, width: inputSize },
    classes,
    groups: widened ? [{ classes, channels: channelsPerClass }] : splitGroups(channels, classes),
    layers: [
      ...stem(),
      stage("layer1", blocks[0], (i) => basicBlock(64, 64, 1, String(i))),
      stage("layer2", blocks[1], (i) => basicBlock(i === 0 ? 64 : 128, 128, i === 0 ? 2 : 1, String(i))),
      stage("layer3", blocks[2], (i) => basicBlock(i === 0 ? 128 : 256, 256, i === 0 ? 2 : 1, String(i))),
      stage("layer4", blocks[3], (i) =>
        basicBlock(i === 0 ? 256 : channels, channels, i === 0 && !widened ? 2 : 1, String(i)),
      ),
      ...(widened
        ? [...globalPool("max"), denseHead(channels, 512, classes)]
        : linearHead(channels, classes)),
    ],
    features: "layer4",
    ...(widened ? { init: "released" as const } : {}),
  };
}

function bottleneckResNet(name: string, blocks: Blocks, options: ResNet50Options): ModelSpec {
  const { classes, head = "mlp", inputSize = 448 } = options;
  const channels = 2048;
  const widths = [64, 128, 256, 512];
  return {
    format: 1,
    name,
    input: { channels: 3, height: inputSize, width: inputSize },
    classes,
    groups: splitGroups(channels, classes),
    layers: [
      ...stem(),
      ...widths.map((width, index) =>
        stage(`layer${index + 1}`, blocks[index] ?? 0, (i) => {
          const inChannels = i > 0 ? 4 * width : index === 0 ? 64 : 2 * width;
          return bottleneck(inChannels, width, i === 0 && index > 0 ? 2 : 1, String(i));
        }),
      ),
      ...(head === "linear"
        ? linearHead(channels, classes)
        : [...globalPool("avg"), denseHead(channels, 512, classes)]),
    ],
    features: "layer4",
  };
}

function stage(name: string, blocks: number, block: (index: number) => Residual): Sequential {
  return { type: "sequential", name, layers: Array.from({ length: blocks }, (_, i) => block(i)) };
}

function stem(): LayerSpec[] {
  return [
    ...convNorm(3, 64, { kernelSize: 7, stride: 2, names: ["conv1", "bn1"] }),
    { type: "relu", name: "relu" },
    { type: "maxPool2d", name: "maxpool", kernelSize: 3, stride: 2, padding: 1 },
  ];
}

function linearHead(channels: number, classes: number): LayerSpec[] {
  return [...globalPool("avg"), { type: "linear", name: "fc", inFeatures: channels, outFeatures: classes }];
}
