import { invalidArgument, McLossError } from "../errors.js";
import {
  joinNames,
  layerName,
  toPair,
  type AvgPool2d,
  type BatchNorm,
  type Concat,
  type Conv2d,
  type DenseConnection,
  type LayerSpec,
  type MaxPool2d,
  type PRelu,
  type Residual,
  type Scale,
  type Size,
} from "./layers.js";

/** A parameter or buffer that a layer has, by torchvision's name for it. */
export interface TensorDescription {
  name: string;
  shape: number[];
  trainable: boolean;
}

/** One layer, as it will be when it runs on one image. */
export interface LayerDescription {
  /** Dotted: "layer1.0.conv1". */
  name: string;
  type: LayerSpec["type"];
  /**
   * Without the batch dimension: [C, H, W] or [C]. What a TorchScript module gives is not known before it runs: its shape
   * is [], and sizes that follow from it are NaN.
   */
  outputShape: number[];
  /** Empty for TorchScript until the model is made. */
  tensors: TensorDescription[];
  /** Multiply-accumulate operations of convolutions and linear layers, for one image. */
  macs: number;
}

/**
 * Shapes, parameters and MACs of layers that run one after another, and of those inside them, parents first.
 * @param input [C, H, W]
 * @throws McLossError ERR_SHAPE or ERR_ARGUMENT that names the layer where the shapes do not fit
 */
export function inferShapes(
  layers: readonly LayerSpec[],
  input: readonly number[],
): { layers: LayerDescription[]; output: readonly number[] } {
  const found: LayerDescription[] = [];
  const output = describeSequence(layers, "", input, found);
  return { layers: found, output };
}

/** Whether two shapes may be the same; what is not known may be anything. */
export function compatible(a: readonly number[], b: readonly number[]): boolean {
  if (a.length === 0 || b.length === 0) return true;
  return a.length === b.length && a.every((size, axis) => !differs(size, b[axis] ?? 0));
}

/** Whether two sizes are known and not the same. */
function differs(a: number, b: number): boolean {
  return a < b || a > b;
}

function describeSequence(
  specs: readonly LayerSpec[],
  path: string,
  input: readonly number[],
  found: LayerDescription[],
): readonly number[] {
  const names = new Set<string>();
  let shape = input;
  specs.forEach((spec, position) => {
    const name = layerName(spec, position);
    const full = joinNames(path, name);
    if (names.has(name)) throw invalidArgument(full || '""', "is the name of two layers");
    names.add(name);
    shape = describeLayer(spec, full, shape, found);
  });
  return shape;
}

function describeLayer(
  spec: LayerSpec,
  name: string,
  input: readonly number[],
  found: LayerDescription[],
): readonly number[] {
  const described: LayerDescription = { name, type: spec.type, outputShape: [], tensors: [], macs: 0 };
  // Before those inside it.
  found.push(described);
  const inner = describeChildren(spec, name, input, found);
  const {
    outputShape,
    tensors = [],
    macs = 0,
  } = inner ? { outputShape: inner } : describeLeaf(spec, name, input);
  if (outputShape.some((extent) => extent < 1)) {
    throw shapeError(name, "would have an empty output", outputShape);
  }
  described.outputShape = [...outputShape];
  described.tensors = tensors.map((tensor) => ({ ...tensor, name: joinNames(name, tensor.name) }));
  described.macs = macs;
  return outputShape;
}

/** The output of a layer that is made of layers. */
function describeChildren(
  spec: LayerSpec,
  name: string,
  input: readonly number[],
  found: LayerDescription[],
): readonly number[] | undefined {
  switch (spec.type) {
    case "sequential":
      return describeSequence(spec.layers, name, input, found);
    case "residual":
      return describeResidual(spec, name, input, found);
    case "concat":
      return describeConcat(spec, name, input, found);
    case "denseConnection":
      return describeDense(spec, name, input, found);
    case "scale":
      return describeScale(spec, name, input, found);
    default:
      return undefined;
  }
}

function describeResidual(
  spec: Residual,
  name: string,
  input: readonly number[],
  found: LayerDescription[],
): readonly number[] {
  const output = describeSequence(spec.layers, name, input, found);
  const { shortcut } = spec;
  const skipped = shortcut
    ? describeLayer(shortcut, joinNames(name, shortcut.name ?? "downsample"), input, found)
    : input;
  if (!compatible(skipped, output)) {
    throw shapeError(name, `adds a shortcut of shape [${skipped.join(", ")}] to`, output);
  }
  return output;
}

function describeConcat(
  spec: Concat,
  name: string,
  input: readonly number[],
  found: LayerDescription[],
): readonly number[] {
  const outputs = spec.branches.map((branch, position) => {
    const path = joinNames(name, layerName(branch, position));
    return image(path, describeLayer(branch, path, input, found));
  });
  return sideBySide(name, outputs);
}

function describeDense(
  spec: DenseConnection,
  name: string,
  input: readonly number[],
  found: LayerDescription[],
): readonly number[] {
  const added = describeSequence(spec.layers, name, input, found);
  return sideBySide(name, [image(name, input), image(name, added)]);
}

function sideBySide(name: string, images: readonly (readonly [number, number, number])[]): readonly number[] {
  const [, height, width] = images[0] ?? image(name, []);
  const other = images.find((each) => differs(each[1], height) || differs(each[2], width));
  if (other) throw shapeError(name, `puts images of ${height}×${width} beside one`, other);
  return [images.reduce((sum, [channels]) => sum + channels, 0), height, width];
}

function describeScale(
  spec: Scale,
  name: string,
  input: readonly number[],
  found: LayerDescription[],
): readonly number[] {
  const [channels] = image(name, input);
  const factors = describeSequence(spec.layers, name, input, found);
  if (!compatible(factors, [channels, 1, 1]))
    throw shapeError(name, `needs layers that give [${channels}, 1, 1]`, factors);
  return input;
}

interface Leaf {
  outputShape: readonly number[];
  tensors?: TensorDescription[];
  macs?: number;
}

type LeafSpec = Exclude<
  LayerSpec,
  { type: "sequential" | "residual" | "concat" | "denseConnection" | "scale" }
>;

function describeLeaf(spec: LayerSpec, name: string, input: readonly number[]): Leaf {
  const leaf = spec as LeafSpec;
  switch (leaf.type) {
    case "conv2d": {
      const { inChannels, outChannels, groups = 1, bias = true } = leaf;
      const [, height, width] = image(name, input, inChannels);
      if (inChannels % groups !== 0 || outChannels % groups !== 0) {
        throw invalidArgument(
          `${name}.groups`,
          `(${groups}) must divide ${inChannels} and ${outChannels} channels`,
        );
      }
      const outputShape = [outChannels, ...convolved(leaf, name, height, width)];
      const kernel = [outChannels, inChannels / groups, ...toPair(leaf.kernelSize)];
      const places = product(outputShape.slice(1));
      return {
        outputShape,
        tensors: weights(kernel, bias ? outChannels : 0),
        macs: product(kernel) * places,
      };
    }
    case "maxPool2d":
    case "avgPool2d":
      return { outputShape: pooled(leaf, name, input) };
    case "adaptiveAvgPool2d":
    case "adaptiveMaxPool2d": {
      const [channels] = image(name, input);
      return { outputShape: [channels, ...toPair(leaf.outputSize)] };
    }
    case "batchNorm2d":
      image(name, input, leaf.features);
      return { outputShape: known(input, leaf.features), tensors: statistics(leaf) };
    case "batchNorm1d":
      vector(name, input, leaf.features);
      return { outputShape: [leaf.features], tensors: statistics(leaf) };
    case "layerNorm2d":
      image(name, input, leaf.features);
      return { outputShape: known(input, leaf.features), tensors: affine(leaf) };
    case "prelu":
      return { outputShape: input, tensors: slopes(leaf, name, input) };
    case "groupNorm":
      image(name, input, leaf.features);
      if (leaf.features % leaf.groups !== 0) {
        throw invalidArgument(`${name}.groups`, `(${leaf.groups}) must divide ${leaf.features} features`);
      }
      return { outputShape: known(input, leaf.features), tensors: affine(leaf) };
    case "bilinearPool": {
      const [channels, height, width] = image(name, input);
      return { outputShape: [channels * channels], macs: channels * channels * height * width };
    }
    case "linear": {
      vector(name, input, leaf.inFeatures);
      const kernel = [leaf.outFeatures, leaf.inFeatures];
      const bias = (leaf.bias ?? true) ? leaf.outFeatures : 0;
      return { outputShape: [leaf.outFeatures], tensors: weights(kernel, bias), macs: product(kernel) };
    }
    case "flatten":
      return { outputShape: [input.length === 0 ? NaN : product(input)] };
    case "torchscript":
      return { outputShape: [] };
    default:
      return { outputShape: input };
  }
}

function image(name: string, input: readonly number[], channels?: number): [number, number, number] {
  if (input.length === 0) return [channels ?? NaN, NaN, NaN];
  const [c, h, w] = input;
  if (input.length === 3 && c !== undefined && h !== undefined && w !== undefined) {
    if (!differs(c, channels ?? c)) return [channels ?? c, h, w];
  }
  throw shapeError(
    name,
    channels === undefined ? "needs an image" : `needs an image of ${channels} channels`,
    input,
  );
}

function vector(name: string, input: readonly number[], features: number): void {
  if (!compatible(input, [features])) throw shapeError(name, `needs ${features} features`, input);
}

/** The shape of an image with this many channels. */
function known(input: readonly number[], channels: number): readonly number[] {
  const [, height = NaN, width = NaN] = input;
  return [channels, height, width];
}

function convolved(spec: Conv2d, name: string, height: number, width: number): [number, number] {
  const { padding = 0, ...window } = spec;
  if (padding === "valid") return slide(window, height, width);
  if (padding !== "same") return slide({ ...window, padding }, height, width);
  if (toPair(spec.stride ?? 1).some((stride) => stride !== 1)) {
    throw invalidArgument(`${name}.padding`, 'can be "same" with a stride of 1 alone');
  }
  return [height, width];
}

function pooled(spec: MaxPool2d | AvgPool2d, name: string, input: readonly number[]): readonly number[] {
  const [channels, height, width] = image(name, input);
  const padding = toPair(spec.padding ?? 0);
  if (toPair(spec.kernelSize).some((kernel, axis) => (padding[axis] ?? 0) > kernel / 2)) {
    throw invalidArgument(`${name}.padding`, "must be at most half of the kernel");
  }
  return [channels, ...slide({ ...spec, stride: spec.stride ?? spec.kernelSize }, height, width)];
}

/** The output's height and width under a sliding window. */
function slide(
  window: { kernelSize: Size; stride?: Size; padding?: Size; dilation?: Size; ceilMode?: boolean },
  height: number,
  width: number,
): [number, number] {
  const along = (axis: 0 | 1, extent: number) => {
    const [kernel, stride, padding, dilation] = [
      toPair(window.kernelSize)[axis],
      toPair(window.stride ?? 1)[axis],
      toPair(window.padding ?? 0)[axis],
      toPair(window.dilation ?? 1)[axis],
    ];
    const steps = (extent + 2 * padding - dilation * (kernel - 1) - 1) / stride;
    if (!window.ceilMode) return Math.floor(steps) + 1;
    const count = Math.ceil(steps) + 1;
    // A window that would start in the padding after the image is left out.
    return (count - 1) * stride >= extent + padding ? count - 1 : count;
  };
  return [along(0, height), along(1, width)];
}

/** torch.nn.PReLU's slopes: one, or one for each channel. */
function slopes({ numParameters = 1 }: PRelu, name: string, input: readonly number[]): TensorDescription[] {
  const [channels = NaN] = input;
  if (numParameters !== 1 && differs(numParameters, channels)) {
    throw shapeError(name, `has slopes for ${numParameters} channels`, input);
  }
  return weights([numParameters], 0);
}

function weights(kernel: number[], bias: number): TensorDescription[] {
  const weight = { name: "weight", shape: kernel, trainable: true };
  return bias > 0 ? [weight, { name: "bias", shape: [bias], trainable: true }] : [weight];
}

function affine(norm: { features: number; affine?: boolean }): TensorDescription[] {
  return (norm.affine ?? true) ? weights([norm.features], norm.features) : [];
}

function statistics(norm: BatchNorm): TensorDescription[] {
  return [
    ...affine(norm),
    { name: "running_mean", shape: [norm.features], trainable: false },
    { name: "running_var", shape: [norm.features], trainable: false },
    { name: "num_batches_tracked", shape: [], trainable: false },
  ];
}

function product(values: readonly number[]): number {
  return values.reduce((result, value) => result * value, 1);
}

export function shapeError(argument: string, problem: string, shape: readonly number[]): McLossError {
  return new McLossError("ERR_SHAPE", `${argument} ${problem}, got ${formatShape(shape)}`, { argument });
}

/** "[3, 448, 448]"; what is not known is a question mark. */
export function formatShape(shape: readonly number[]): string {
  return shape.length === 0 ? "?" : `[${shape.map((size) => (Number.isNaN(size) ? "?" : size)).join(", ")}]`;
}
