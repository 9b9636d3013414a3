import { z } from "zod";
import { invalidArgument } from "../../errors.js";
import type { Filled } from "../../definition.js";
import { ownChannels } from "../../loss/channel-groups.js";
import { count } from "../../schema.js";
import {
  basicBlock,
  bottleneck,
  convNorm,
  denseHead,
  globalPool,
  splitGroups,
  type Bottleneck,
} from "../blocks.js";
import type { LayerSpec, Residual, Sequential } from "../layers.js";
import { initialization, type ModelSpec } from "../spec.js";

/** Of networks of basic blocks. */
export const basicOptions = {
  /**
   * ξ. With it the network is the one that the paper trains from scratch: the last stage widened to K·ξ channels with
   * stride 1 (14×14 features at 224), max pooling and the dense head. Without it, torchvision's, the fair cross-entropy
   * baseline.
   */
  channelsPerClass: ownChannels.optional(),
  /** Side of the input. */
  inputSize: count.default(224),
  /** How the weights start. Default: "released" for the paper's form, "torchvision" for the other. */
  init: initialization.optional(),
};

/** Of networks of bottlenecks. */
export const bottleneckOptions = {
  /**
   * ξ. With it the network is the one that the paper trains from scratch: the last stage widened to K·ξ channels, a multiple
   * of 4, with stride 1, max pooling and the dense head. Without it, torchvision's.
   */
  channelsPerClass: ownChannels.optional(),
  /** "mlp": the dense head that the paper fine-tunes; "linear": torchvision's `fc`. */
  head: z.enum(["mlp", "linear"]).default("mlp"),
  /** How the features are pooled before the head. Default: "avg", as in torchvision, or "max" with `channelsPerClass`. */
  pool: z.enum(["avg", "max"]).optional(),
  /** Side of the input. Default: 448, at which the paper fine-tunes, or 224 with `channelsPerClass`. */
  inputSize: count.optional(),
  /** How the weights start. Default: "torchvision", or "released" with `channelsPerClass`. */
  init: initialization.optional(),
};

interface BasicOptions extends Filled<typeof basicOptions> {
  classes: number;
}

interface BottleneckOptions extends Filled<typeof bottleneckOptions> {
  classes: number;
}

/** Channels of a bottleneck's output for each of its 3×3 convolution's. */
const EXPANSION = 4;

type Blocks = readonly [number, number, number, number];

/** A network of basic blocks, in torchvision's form or, with `channelsPerClass`, in the paper's. */
export function basicResNet(name: string, blocks: Blocks, options: BasicOptions): ModelSpec {
  const { classes, channelsPerClass, inputSize } = options;
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

/** A network of bottlenecks, with torchvision's names, in its form or, with `channelsPerClass`, in the paper's. */
export function bottleneckResNet(
  name: string,
  blocks: Blocks,
  form: Bottleneck,
  { classes, channelsPerClass, head, ...options }: BottleneckOptions,
): ModelSpec {
  const widened = channelsPerClass !== undefined;
  const channels = widened ? classes * channelsPerClass : 2048;
  if (channels % EXPANSION !== 0) {
    const text = `times ${classes} classes is ${channels}: the last stage needs a multiple of ${EXPANSION}`;
    throw invalidArgument("channelsPerClass", text);
  }
  const { pool = widened ? "max" : "avg", inputSize = widened ? 224 : 448 } = options;
  const { init = widened ? "released" : "torchvision" } = options;
  return {
    format: 1,
    name: widened ? `${name}-mc` : name,
    input: { channels: 3, height: inputSize, width: inputSize },
    classes,
    groups: widened ? [{ classes, channels: channelsPerClass }] : splitGroups(channels, classes),
    layers: [
      ...stem(),
      bottleneckStage("layer1", 64, 64, blocks[0], 1, form),
      bottleneckStage("layer2", 256, 128, blocks[1], 2, form),
      bottleneckStage("layer3", 512, 256, blocks[2], 2, form),
      bottleneckStage("layer4", 1024, channels / EXPANSION, blocks[3], widened ? 1 : 2, form),
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
  channels: number,
  blocks: number,
  stride: number,
  form: Bottleneck,
): Sequential {
  const first = bottleneck(inChannels, channels, stride, "0", form);
  return repeat(name, blocks, first, (position) => bottleneck(4 * channels, channels, 1, position, form));
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
