import { McLossError } from "../errors.js";
import { toPair, type Conv2d } from "../models/layers.js";
import { adaptivePool, slidingPool } from "./onnx-pooling.js";
import { float, type OnnxGraph, type Value } from "./onnx-graph.js";
import type { Emitter, LeafSpec } from "./walk.js";

/** Writes layers as ONNX nodes, for inference: operators of opset 17, whose meaning later ones have kept. */
export class OnnxEmitter implements Emitter<Value> {
  readonly #graph: OnnxGraph;
  readonly #shapes: ReadonlyMap<string, readonly number[]>;

  /** @param shapes of the layers' outputs, without the batch */
  constructor(graph: OnnxGraph, shapes: ReadonlyMap<string, readonly number[]>) {
    this.#graph = graph;
    this.#shapes = shapes;
  }

  add(name: string, a: Value, b: Value): Value {
    return { name: this.#graph.node("Add", `${name}.sum`, [a.name, b.name]), shape: a.shape };
  }

  multiply(name: string, a: Value, b: Value): Value {
    return { name: this.#graph.node("Mul", name, [a.name, b.name]), shape: a.shape };
  }

  relu(name: string, { name: input, shape }: Value): Value {
    return { name: this.#graph.node("Relu", name, [input]), shape };
  }

  concat(name: string, values: readonly Value[]): Value {
    const inputs = values.map((value) => value.name);
    return { name: this.#graph.node("Concat", name, inputs, { axis: 1 }), shape: this.#shapeOf(name) };
  }

  leaf(layer: LeafSpec, name: string, input: Value): Value {
    return { name: this.#emit(layer, name, input), shape: this.#shapeOf(name) };
  }

  #shapeOf(name: string): readonly number[] {
    return this.#shapes.get(name) ?? [];
  }

  #emit(layer: LeafSpec, name: string, input: Value): string {
    const graph = this.#graph;
    const x = input.name;
    const constant = (part: string, value: number): string => graph.scalar(`${name}.${part}`, value);
    switch (layer.type) {
      case "identity":
      case "dropout":
      case "dropout2d":
      case "stochasticDepth":
        return x;
      case "conv2d":
        return this.#convolution(layer, name, x);
      case "linear":
        return graph.node("Gemm", name, [x, ...this.#weightAndBias(name, layer.bias)], { transB: 1 });
      case "batchNorm1d":
      case "batchNorm2d": {
        const statistics = [graph.weight(`${name}.running_mean`), graph.weight(`${name}.running_var`)];
        const affine = this.#affine(name, layer);
        return graph.node("BatchNormalization", name, [x, ...affine, ...statistics], {
          epsilon: float(layer.eps ?? 1e-5),
        });
      }
      case "groupNorm":
        return this.#groupNorm(layer, name, input);
      case "layerNorm2d": {
        const places = graph.node("Transpose", `${name}.places`, [x], { perm: [0, 2, 3, 1] });
        const normalized = graph.node(
          "LayerNormalization",
          `${name}.normalized`,
          [places, ...this.#affine(name, layer)],
          { axis: -1, epsilon: float(layer.eps ?? 1e-5) },
        );
        return graph.node("Transpose", name, [normalized], { perm: [0, 3, 1, 2] });
      }
      case "relu":
        return graph.node("Relu", name, [x]);
      case "relu6":
        return graph.node("Clip", name, [x, constant("min", 0), constant("max", 6)]);
      case "sigmoid":
        return graph.node("Sigmoid", name, [x]);
      case "tanh":
        return graph.node("Tanh", name, [x]);
      case "hardswish":
        return graph.node("HardSwish", name, [x]);
      case "hardsigmoid":
        return graph.node("HardSigmoid", name, [x], { alpha: float(1 / 6), beta: float(0.5) });
      case "silu":
        return graph.node("Mul", name, [x, graph.node("Sigmoid", `${name}.sigmoid`, [x])]);
      case "gelu": {
        // x/2 · (1 + erf(x/√2))
        const scaled = graph.node("Div", `${name}.scaled`, [x, constant("sqrt2", Math.SQRT2)]);
        const erf = graph.node("Erf", `${name}.erf`, [scaled]);
        const shifted = graph.node("Add", `${name}.shifted`, [erf, constant("one", 1)]);
        const half = graph.node("Mul", `${name}.half`, [x, constant("factor", 0.5)]);
        return graph.node("Mul", name, [half, shifted]);
      }
      case "elu":
        return graph.node("Elu", name, [x], { alpha: float(layer.alpha ?? 1) });
      case "leakyRelu":
        return graph.node("LeakyRelu", name, [x], { alpha: float(layer.negativeSlope ?? 0.01) });
      case "prelu": {
        // One slope for each channel, whatever dimensions follow.
        const slopes = [layer.numParameters ?? 1, ...input.shape.slice(1).map(() => 1)];
        return graph.node("PRelu", name, [x, graph.weight(`${name}.weight`, slopes)]);
      }
      case "flatten":
        return graph.node("Flatten", name, [x], { axis: 1 });
      case "maxPool2d":
      case "avgPool2d":
        return slidingPool(graph, layer, name, input, this.#shapeOf(name));
      case "adaptiveAvgPool2d":
      case "adaptiveMaxPool2d":
        return adaptivePool(graph, layer, name, input);
      case "bilinearPool":
        return bilinearPool(graph, name, input);
      case "torchscript":
        throw unsupported(name, "is TorchScript, which ONNX cannot hold: export its module from Python");
    }
  }

  #convolution(layer: Conv2d, name: string, x: string): string {
    const kernel = toPair(layer.kernelSize);
    const dilations = toPair(layer.dilation ?? 1);
    return this.#graph.node("Conv", name, [x, ...this.#weightAndBias(name, layer.bias)], {
      kernel_shape: kernel,
      strides: toPair(layer.stride ?? 1),
      dilations,
      group: layer.groups ?? 1,
      pads: convolutionPads(layer, kernel, dilations),
    });
  }

  #weightAndBias(name: string, bias = true): string[] {
    const weight = this.#graph.weight(`${name}.weight`);
    return bias ? [weight, this.#graph.weight(`${name}.bias`)] : [weight];
  }

  /** The weight and bias of a normalisation; ones and zeros where it has none. */
  #affine(name: string, layer: { features: number; affine?: boolean }): string[] {
    if (layer.affine ?? true) return this.#weightAndBias(name);
    const { features } = layer;
    return [
      this.#graph.constant(`${name}.weight`, new Array<number>(features).fill(1)),
      this.#graph.constant(`${name}.bias`, new Array<number>(features).fill(0)),
    ];
  }

  /** As InstanceNormalization of the groups: ONNX's own GroupNormalization is of opset 18, and another from 21 on. */
  #groupNorm(layer: LeafSpec & { type: "groupNorm" }, name: string, { name: x, shape }: Value): string {
    const graph = this.#graph;
    const { groups, features, eps = 1e-5, affine = true } = layer;
    // In Reshape 0 stands for the batch, and −1 for what remains.
    const grouped = graph.node("Reshape", `${name}.grouped`, [
      x,
      graph.integers(`${name}.groups`, [0, groups, -1]),
    ]);
    const plain = [1, 0].map((value) =>
      graph.constant(`${name}.plain`, new Array<number>(groups).fill(value)),
    );
    const normalized = graph.node("InstanceNormalization", `${name}.normalized`, [grouped, ...plain], {
      epsilon: float(eps),
    });
    const original = graph.integers(`${name}.shape`, [0, ...shape]);
    const ungrouped = graph.node("Reshape", affine ? `${name}.ungrouped` : name, [normalized, original]);
    if (!affine) return ungrouped;
    const perChannel = [features, 1, 1];
    const scaled = graph.node("Mul", `${name}.scaled`, [
      ungrouped,
      graph.weight(`${name}.weight`, perChannel),
    ]);
    return graph.node("Add", name, [scaled, graph.weight(`${name}.bias`, perChannel)]);
  }
}

/** [top, left, bottom, right]; of an odd sum of "same" padding the larger half comes last, as in PyTorch. */
function convolutionPads(
  { padding = 0 }: Conv2d,
  kernel: readonly [number, number],
  dilations: readonly [number, number],
): number[] {
  if (padding === "valid") return [0, 0, 0, 0];
  if (padding !== "same") return [...toPair(padding), ...toPair(padding)];
  const total = kernel.map((extent, axis) => (dilations[axis] ?? 1) * (extent - 1));
  const before = total.map((sum) => Math.floor(sum / 2));
  return [...before, ...total.map((sum, axis) => sum - (before[axis] ?? 0))];
}

function bilinearPool(graph: OnnxGraph, name: string, { name: x, shape }: Value): string {
  const [channels = 0, height = 0, width = 0] = shape;
  const part = (label: string): string => `${name}.${label}`;
  const rows = graph.node("Reshape", part("places"), [
    x,
    graph.integers(part("shape"), [0, channels, height * width]),
  ]);
  const columns = graph.node("Transpose", part("transposed"), [rows], { perm: [0, 2, 1] });
  const product = graph.node(
    "Flatten",
    part("product"),
    [graph.node("MatMul", part("outer"), [rows, columns])],
    {
      axis: 1,
    },
  );
  const mean = graph.node("Div", part("mean"), [product, graph.scalar(part("count"), height * width)]);
  const shifted = graph.node("Add", part("shifted"), [
    graph.node("Abs", part("abs"), [mean]),
    graph.scalar(part("epsilon"), 1e-10),
  ]);
  const rooted = graph.node("Mul", part("rooted"), [
    graph.node("Sign", part("sign"), [mean]),
    graph.node("Sqrt", part("root"), [shifted]),
  ]);
  const squares = graph.node("Mul", part("squares"), [rooted, rooted]);
  const sum = graph.node("ReduceSum", part("sum"), [squares, graph.integers(part("axes"), [1])], {
    keepdims: 1,
  });
  const norm = graph.node("Max", part("norm"), [
    graph.node("Sqrt", part("length"), [sum]),
    graph.scalar(part("least"), 1e-12),
  ]);
  return graph.node("Div", name, [rooted, norm]);
}

function unsupported(name: string, problem: string): McLossError {
  return new McLossError("ERR_UNSUPPORTED", `the layer "${name}" ${problem}`, { argument: name });
}
