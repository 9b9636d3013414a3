import { invalidArgument } from "../../errors.js";
import { flag } from "../../schema.js";
import { defineLayer, type InferencePlace, type Inferred } from "./definition.js";
import { averagePool, maxPool, poolToSize, type PoolWindow } from "./pooling-onnx.js";
import { image, padding, size, slide, toPair, type Size } from "./shapes.js";

const window = {
  /** Side of the window, or [height, width]. */
  kernelSize: size,
  /** Places from one window to the next. Default: kernelSize. */
  stride: size.optional(),
  /** Places around the image; at most half of the kernel. */
  padding: padding.default(0),
  /** Rounds the output's size up. */
  ceilMode: flag.default(false),
};

export const maxPool2d = defineLayer({
  name: "maxPool2d",
  summary: "torch.nn.MaxPool2d",
  options: {
    ...window,
    /** Places from one of the window's elements to the next. */
    dilation: size.default(1),
  },
  infer: pooled,
  toOnnx: (options, place) => maxPool(windowOf(options), place),
});

export const avgPool2d = defineLayer({
  name: "avgPool2d",
  summary: "torch.nn.AvgPool2d",
  options: {
    ...window,
    /** Whether the padding's zeros count in the mean. */
    countIncludePad: flag.default(true),
  },
  infer: pooled,
  toOnnx: (options, place) => averagePool(windowOf(options), options.countIncludePad, place),
});

const outputSize = {
  /** Side of the output, or [height, width]. */
  outputSize: size,
};

export const adaptiveAvgPool2d = defineLayer({
  name: "adaptiveAvgPool2d",
  summary: "torch.nn.AdaptiveAvgPool2d",
  options: outputSize,
  infer: resized,
  toOnnx: ({ outputSize }, place) => poolToSize("AveragePool", toPair(outputSize), place),
});

export const adaptiveMaxPool2d = defineLayer({
  name: "adaptiveMaxPool2d",
  summary: "torch.nn.AdaptiveMaxPool2d",
  options: outputSize,
  infer: resized,
  toOnnx: ({ outputSize }, place) => poolToSize("MaxPool", toPair(outputSize), place),
});

interface Pooling {
  kernelSize: Size;
  stride?: Size;
  padding: Size;
  ceilMode: boolean;
  dilation?: Size;
}

function pooled(options: Pooling, { name, input }: InferencePlace): Inferred {
  const [channels, height, width] = image(name, input);
  const around = toPair(options.padding);
  if (toPair(options.kernelSize).some((kernel, axis) => (around[axis] ?? 0) > kernel / 2)) {
    throw invalidArgument(`${name}.padding`, "must be at most half of the kernel");
  }
  const stride = options.stride ?? options.kernelSize;
  return { output: [channels, ...slide({ ...options, stride }, height, width)] };
}

function resized({ outputSize }: { outputSize: Size }, { name, input }: InferencePlace): Inferred {
  const [channels] = image(name, input);
  return { output: [channels, ...toPair(outputSize)] };
}

function windowOf({ kernelSize, stride = kernelSize, padding, dilation = 1 }: Pooling): PoolWindow {
  return {
    kernel: toPair(kernelSize),
    strides: toPair(stride),
    padding: toPair(padding),
    dilations: toPair(dilation),
  };
}
