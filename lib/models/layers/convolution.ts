import { z } from "zod";
import { invalidArgument } from "../../errors.js";
import { count, flag, index } from "../../schema.js";
import { defineLayer, weights } from "./definition.js";
import { weightAndBias } from "./onnx.js";
import { image, product, size, slide, toPair, type Size } from "./shapes.js";

export const conv2d = defineLayer({
  name: "conv2d",
  summary: "torch.nn.Conv2d",
  options: {
    /** Channels of the input. */
    inChannels: count,
    /** Channels of the output. */
    outChannels: count,
    /** Side of the window, or [height, width]. */
    kernelSize: size,
    /** Places from one window to the next. */
    stride: size.default(1),
    /** Zeros around the image. "same" keeps height and width, and needs stride 1; "valid" is 0. */
    padding: z
      .union(
        [index, z.tuple([index, index]).readonly(), z.enum(["same", "valid"])],
        'must be a non-negative integer, [height, width], "same" or "valid"',
      )
      .default(0),
    /** Places from one of the window's elements to the next. */
    dilation: size.default(1),
    /** Groups of channels that do not mix; inChannels for a depthwise convolution. */
    groups: count.default(1),
    /** Whether each channel has a number of its own added. */
    bias: flag.default(true),
    /** Weights start from normal(0, weightStd) and the bias from 0. Default: as the network's `init` says. */
    weightStd: z.number().positive().optional(),
  },
  infer(options, { name, input }) {
    const { inChannels, outChannels, groups, bias } = options;
    const [, height, width] = image(name, input, inChannels);
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw invalidArgument(
        `${name}.groups`,
        `(${groups}) must divide ${inChannels} and ${outChannels} channels`,
      );
    }
    const [outHeight, outWidth] = convolved(options, name, height, width);
    const kernel = [outChannels, inChannels / groups, ...toPair(options.kernelSize)];
    return {
      output: [outChannels, outHeight, outWidth],
      tensors: weights(kernel, bias ? outChannels : 0),
      macs: product(kernel) * outHeight * outWidth,
    };
  },
  toOnnx(options, { graph, name, input }) {
    return graph.node("Conv", name, [input.name, ...weightAndBias(graph, name, options.bias)], {
      kernel_shape: toPair(options.kernelSize),
      strides: toPair(options.stride),
      dilations: toPair(options.dilation),
      group: options.groups,
      pads: pads(options),
    });
  },
});

interface Window {
  kernelSize: Size;
  stride: Size;
  padding: Size | "same" | "valid";
  dilation: Size;
}

function convolved(window: Window, name: string, height: number, width: number): [number, number] {
  const { padding } = window;
  if (padding !== "same") {
    return slide({ ...window, padding: padding === "valid" ? 0 : padding }, height, width);
  }
  if (toPair(window.stride).some((stride) => stride !== 1)) {
    throw invalidArgument(`${name}.padding`, 'can be "same" with a stride of 1 alone');
  }
  return [height, width];
}

/** [top, left, bottom, right]; of an odd sum of "same" padding the larger half comes last, as in PyTorch. */
function pads({ padding, kernelSize, dilation }: Window): number[] {
  if (padding === "valid") return [0, 0, 0, 0];
  if (padding !== "same") return [...toPair(padding), ...toPair(padding)];
  const dilations = toPair(dilation);
  const total = toPair(kernelSize).map((extent, axis) => (dilations[axis] ?? 1) * (extent - 1));
  const before = total.map((sum) => Math.floor(sum / 2));
  return [...before, ...total.map((sum, axis) => sum - (before[axis] ?? 0))];
}
