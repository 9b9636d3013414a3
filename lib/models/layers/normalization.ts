import { z } from "zod";
import { invalidArgument } from "../../errors.js";
import { count, flag, share } from "../../schema.js";
import { defineLayer, weights, type OnnxPlace, type TensorDescription } from "./definition.js";
import { float, weightAndBias, type OnnxNodes } from "./onnx.js";
import { image, vector } from "./shapes.js";

const affineOptions = {
  /** Channels of the input. */
  features: count,
  /** Added to the variance. */
  eps: z.number().positive().default(1e-5),
  /** Whether each channel has a weight and a bias, which are learned. */
  affine: flag.default(true),
};

const batchNormOptions = {
  ...affineOptions,
  /** Share of a batch in the running statistics. */
  momentum: share.default(0.1),
};

interface Affine {
  features: number;
  eps: number;
  affine: boolean;
}

export const batchNorm2d = defineLayer({
  name: "batchNorm2d",
  summary: "torch.nn.BatchNorm2d",
  options: batchNormOptions,
  infer: (options, { name, input }) => ({
    output: image(name, input, options.features),
    tensors: withStatistics(options),
  }),
  toOnnx: batchNormToOnnx,
});

export const batchNorm1d = defineLayer({
  name: "batchNorm1d",
  summary: "torch.nn.BatchNorm1d",
  options: batchNormOptions,
  infer: (options, { name, input }) => ({
    output: vector(name, input, options.features),
    tensors: withStatistics(options),
  }),
  toOnnx: batchNormToOnnx,
});

export const layerNorm2d = defineLayer({
  name: "layerNorm2d",
  summary: "Normalises the channels of each place (torchvision's LayerNorm2d of ConvNeXt, whose eps is 1e-6)",
  options: affineOptions,
  infer: (options, { name, input }) => ({
    output: image(name, input, options.features),
    tensors: affineTensors(options),
  }),
  toOnnx(options, { graph, name, input }) {
    const places = graph.node("Transpose", `${name}.places`, [input.name], { perm: [0, 2, 3, 1] });
    const normalized = graph.node(
      "LayerNormalization",
      `${name}.normalized`,
      [places, ...affineInputs(graph, name, options)],
      { axis: -1, epsilon: float(options.eps) },
    );
    return graph.node("Transpose", name, [normalized], { perm: [0, 3, 1, 2] });
  },
});

export const groupNorm = defineLayer({
  name: "groupNorm",
  summary: "torch.nn.GroupNorm",
  options: {
    /** Groups of channels that are normalised together; they divide the channels. */
    groups: count,
    ...affineOptions,
  },
  infer(options, { name, input }) {
    const { groups, features } = options;
    const output = image(name, input, features);
    if (features % groups !== 0) {
      throw invalidArgument(`${name}.groups`, `(${groups}) must divide ${features} features`);
    }
    return { output, tensors: affineTensors(options) };
  },
  /** As InstanceNormalization of the groups: ONNX's own GroupNormalization is of opset 18, and another from 21 on. */
  toOnnx({ groups, features, eps, affine }, { graph, name, input }) {
    // In Reshape 0 stands for the batch, and −1 for what remains.
    const grouped = graph.node("Reshape", `${name}.grouped`, [
      input.name,
      graph.integers(`${name}.groups`, [0, groups, -1]),
    ]);
    const plain = [1, 0].map((value) => graph.constant(`${name}.plain`, repeated(value, groups)));
    const normalized = graph.node("InstanceNormalization", `${name}.normalized`, [grouped, ...plain], {
      epsilon: float(eps),
    });
    const original = graph.integers(`${name}.shape`, [0, ...input.shape]);
    const ungrouped = graph.node("Reshape", affine ? `${name}.ungrouped` : name, [normalized, original]);
    if (!affine) return ungrouped;
    const perChannel = [features, 1, 1];
    const scaled = graph.node("Mul", `${name}.scaled`, [
      ungrouped,
      graph.weight(`${name}.weight`, perChannel),
    ]);
    return graph.node("Add", name, [scaled, graph.weight(`${name}.bias`, perChannel)]);
  },
});

function batchNormToOnnx(options: Affine, { graph, name, input }: OnnxPlace): string {
  const statistics = [graph.weight(`${name}.running_mean`), graph.weight(`${name}.running_var`)];
  const inputs = [input.name, ...affineInputs(graph, name, options), ...statistics];
  return graph.node("BatchNormalization", name, inputs, { epsilon: float(options.eps) });
}

/** The weight and bias of a normalisation; ones and zeros where it has none. */
function affineInputs(graph: OnnxNodes, name: string, { features, affine }: Affine): string[] {
  if (affine) return weightAndBias(graph, name, true);
  return [
    graph.constant(`${name}.weight`, repeated(1, features)),
    graph.constant(`${name}.bias`, repeated(0, features)),
  ];
}

function repeated(value: number, count: number): number[] {
  return new Array<number>(count).fill(value);
}

function affineTensors({ features, affine }: Affine): TensorDescription[] {
  return affine ? weights([features], features) : [];
}

function withStatistics(options: Affine): TensorDescription[] {
  const { features } = options;
  return [
    ...affineTensors(options),
    { name: "running_mean", shape: [features], trainable: false },
    { name: "running_var", shape: [features], trainable: false },
    { name: "num_batches_tracked", shape: [], trainable: false },
  ];
}
