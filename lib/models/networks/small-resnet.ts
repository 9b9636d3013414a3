import { z } from "zod";
import { ownChannels } from "../../loss/channel-groups.js";
import { count } from "../../schema.js";
import { basicBlock, convNorm, denseHead, globalPool } from "../blocks.js";
import { defineNetwork } from "./definition.js";

/** A small residual network for small images: 8 convolutions, K·ξ feature channels at an eighth of the input's size (`stride`). */
export const smallResNet = defineNetwork({
  name: "small-resnet",
  summary: "A small residual network for small images: 8 convolutions, K·ξ feature channels",
  options: {
    /** ξ */
    channelsPerClass: ownChannels.default(3),
    /** Side of the input. */
    inputSize: count.default(64),
    /** How the classifier pools the features. */
    pool: z.enum(["avg", "max"]).default("avg"),
    /** "dense" is the released code's classifier of two layers; "linear" one layer, as torchvision's. */
    head: z.enum(["dense", "linear"]).default("dense"),
    /** Channels of the first stage; the next have 2 and 4 times as many. */
    width: count.default(24),
    /** Pixels of the input per place of the features, each way; with 4 the work is about twice that of 8. */
    stride: z.union([z.literal(4), z.literal(8), z.literal(16)]).default(8),
  },
  byName: { channelsPerClass: 3 },
  build({ classes, channelsPerClass, inputSize, pool, head, width, stride }) {
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
        head === "linear"
          ? { type: "linear", name: "classifier", inFeatures: channels, outFeatures: classes }
          : denseHead(channels, 256, classes),
      ],
      features: "features",
    };
  },
});
