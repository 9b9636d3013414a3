import { count, flag } from "../../schema.js";
import { attentionMacs, checkHeads, trainable } from "./attention.js";
import { defineLayer } from "./definition.js";
import { image } from "./shapes.js";
import { paddedTo, windowAttentionToOnnx } from "./window-attention-onnx.js";

export const windowAttention = defineLayer({
  name: "windowAttention",
  summary:
    "torchvision's ShiftedWindowAttention of Swin (Liu et al. 2021): self-attention within square windows, with a learned bias " +
    "for each distance",
  options: {
    /** Channels of the input. */
    features: count,
    /** Parts of the channels that are attended to by themselves; they divide the channels. */
    heads: count,
    /** Side of the windows; an image that they do not divide is padded with zeros. */
    windowSize: count,
    /** Whether the windows are moved by half their side, where the image is larger than one. */
    shifted: flag.default(false),
  },
  infer({ features, heads, windowSize }, { name, input }) {
    const [, height, width] = image(name, input, features);
    checkHeads(name, features, heads);
    const places = windowSize ** 2;
    const padded = paddedTo(height, windowSize) * paddedTo(width, windowSize);
    return {
      output: [features, height, width],
      tensors: [
        trainable("relative_position_bias_table", (2 * windowSize - 1) ** 2, heads),
        { name: "relative_position_index", shape: [places ** 2], trainable: false },
        trainable("qkv.weight", 3 * features, features),
        trainable("qkv.bias", 3 * features),
        trainable("proj.weight", features, features),
        trainable("proj.bias", features),
      ],
      macs: attentionMacs(features, padded, places),
    };
  },
  toOnnx: (options, place) => windowAttentionToOnnx(options, place),
});
