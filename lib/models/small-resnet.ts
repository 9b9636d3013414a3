import { z } from "zod";
import { count, type Shape } from "../schema.js";
import { basicBlock, convNorm, denseHead, globalPool } from "./blocks.js";
import type { ModelSpec } from "./spec.js";

/** Options of {@link smallResNet}. */
export interface SmallResNetOptions {
  /** K */
  classes: number;
  /** ξ. Default 3. */
  channelsPerClass?: number;
  /** Side of the input. Default 64, which gives 8×8 features. */
  inputSize?: number;
  /** How the classifier pools the features. Default "avg". */
  pool?: "avg" | "max";
  /** Channels of the first stage; the next have 2 and 4 times as many. Default 24. */
  width?: number;
  /** Pixels of the input per place of the features, each way: 4, 8 or 16. Default 8; with 4 the work is about twice as much. */
  stride?: 4 | 8 | 16;
}

export const smallResNetShape = {
  classes: count,
  channelsPerClass: count.optional(),
  inputSize: count.optional(),
  pool: z.enum(["avg", "max"]).optional(),
  width: count.optional(),
  stride: z.union([z.literal(4), z.literal(8), z.literal(16)]).optional(),
} satisfies Shape<SmallResNetOptions>;

/** A small residual network for small images: 8 convolutions, K·ξ feature channels at an eighth of the input's size (`stride`). */
export function smallResNetSpec(options: SmallResNetOptions): ModelSpec {
  const { classes, channelsPerClass = 3, inputSize = 64, pool = "avg", width = 24, stride = 8 } = options;
  const channels = classes * channelsPerClass;
  return {
    format: 1,
    name: "small-resnet",
    input: { channels: 3, height: inputSize, width: inputSize },
    classes,
    groups: [{ classes, channels: channelsPerClass }],
    layers: [
      ...convNorm(3, width, { kernelSize: 3, stride: 2, names: ["conv1", "bn1"] }),
      { type: "relu", name: "relu1" },
      basicBlock(width, width, 1, "layer1"),
      basicBlock(width, 2 * width, 2, "layer2"),
      basicBlock(2 * width, 4 * width, stride === 4 ? 1 : 2, "layer3"),
      ...convNorm(4 * width, channels, {
        kernelSize: 3,
        stride: stride === 16 ? 2 : 1,
        names: ["conv2", "bn2"],
      }),
      { type: "relu", name: "features" },
      ...globalPool(pool),
      denseHead(channels, 256, classes),
    ],
    features: "features",
  };
}
