import { invalidArgument, McLossError } from "../errors.js";
import {
  layerName,
  toPair,
  type Concat,
  type LayerSpec,
  type Residual,
  type Scale,
  type Size,
} from "./layers.js";
import type { ModelSpec } from "./spec.js";

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
  /** Without the batch dimension: [C, H, W] or [C]. */
  outputShape: number[];
  tensors: TensorDescription[];
  /** Multiply-accumulate operations of convolutions and linear layers, for one image. */
  macs: number;
}

export interface ModelDescription {
  layers: LayerDescription[];
  /** [C, H, W] of the features. */
  features: number[];
  parameters: number;
  macs: number;
}

/**
 * Shapes, parameters and MACs of every layer, without building anything.
 * @param input [C, H, W]. Default: the spec's own input
 * @throws McLossError ERR_SHAPE or ERR_ARGUMENT that names the layer where the shapes do not fit
 */
export function describeModel(spec: ModelSpec, input?: readonly number[]): ModelDescription {
  const { channels, height, width } = spec.input;
  const layers: LayerDescription[] = [];
  const output = describeSequence(spec.layers, "", input ?? [channels, height, width], layers);
  const features = layers.find((layer) => layer.name === spec.features)?.outputShape;
  if (!features) throw invalidArgument("features", `names no layer: "${spec.features}"`);
  checkGroups(spec, features);
  if (output.length !== 1 || output[0] !== spec.classes) {
    throw shapeError("layers", `must end in logits of ${spec.classes} classes`, output);
  }
  const tensors = layers.flatMap((layer) => layer.tensors);
  return {
    layers,
    features,
    parameters: tensors.reduce((sum, { shape, trainable }) => sum + (trainable ? product(shape) : 0), 0),
    macs: layers.reduce((sum, layer) => sum + layer.macs, 0),
  };
}

function checkGroups(spec: ModelSpec, features: readonly number[]): void {
  if (features.length !== 3)
    throw shapeError("features", "must be the output of a layer with height and width", features);
  if (spec.groups.length === 0) return;
  const owned = spec.groups.reduce((sum, { classes, channels }) => sum + classes * channels, 0);
  const classes = spec.groups.reduce((sum, block) => sum + block.classes, 0);
  if (owned !== features[0])
    throw shapeError("groups", `own ${owned} channels, but the features are`, features);
  if (classes !== spec.classes)
    throw invalidArgument("groups", `are of ${classes} classes, not ${spec.classes}`);
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
    const full = path === "" ? name : `${path}.${name}`;
    if (names.has(name)) throw invalidArgument(full, "is the name of two layers");
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
  const inner = describeChildren(spec, name, input, found);
  const {
    outputShape,
    tensors = [],
    macs = 0,
  } = inner ? { outputShape: inner } : describeLeaf(spec, name, input);
  if (!outputShape.every((extent) => extent >= 1))
    throw shapeError(name, "would have an empty output", outputShape);
  found.push({
    name,
    type: spec.type,
    outputShape: [...outputShape],
    tensors: tensors.map((tensor) => ({ ...tensor, name: `${name}.${tensor.name}` })),
    macs,
  });
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
    ? describeLayer(shortcut, `${name}.${shortcut.name ?? "downsample"}`, input, found)
    : input;
  if (skipped.join() !== output.join()) {
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
    const output = describeLayer(branch, `${name}.${layerName(branch, position)}`, input, found);
    return image(`${name}.${layerName(branch, position)}`, output);
  });
  const [, height, width] = outputs[0] ?? image(name, []);
  const other = outputs.find((output) => output[1] !== height || output[2] !== width);
  if (other) throw shapeError(name, `puts images of ${height}×${width} beside one`, other);
  return [outputs.reduce((sum, [channels]) => sum + channels, 0), height, width];
}

function describeScale(
  spec: Scale,
  name: string,
  input: readonly number[],
  found: LayerDescription[],
): readonly number[] {
  const [channels] = image(name, input);
  const factors = describeSequence(spec.layers, name, input, found);
  if (factors.join() !== `${channels},1,1`)
    throw shapeError(name, `needs layers that give [${channels}, 1, 1]`, factors);
  return input;
}

interface Leaf {
  outputShape: readonly number[];
  tensors?: TensorDescription[];
  macs?: number;
}

type LeafSpec = Exclude<LayerSpec, { type: "sequential" | "residual" | "concat" | "scale" }>;

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
      const outputShape = [outChannels, ...slide(leaf, height, width)];
      const kernel = [outChannels, inChannels / groups, ...toPair(leaf.kernelSize)];
      const places = product(outputShape.slice(1));
      return {
        outputShape,
        tensors: weights(kernel, bias ? outChannels : 0),
        macs: product(kernel) * places,
      };
    }
    case "maxPool2d":
    case "avgPool2d": {
      const [channels, height, width] = image(name, input);
      return { outputShape: [channels, ...slide({ stride: leaf.kernelSize, ...leaf }, height, width)] };
    }
    case "adaptiveAvgPool2d":
    case "adaptiveMaxPool2d": {
      const [channels] = image(name, input);
      return { outputShape: [channels, ...toPair(leaf.outputSize)] };
    }
    case "batchNorm2d":
      image(name, input, leaf.features);
      return { outputShape: input, tensors: statistics(leaf.features, leaf.affine ?? true) };
    case "batchNorm1d":
      vector(name, input, leaf.features);
      return { outputShape: input, tensors: statistics(leaf.features, leaf.affine ?? true) };
    case "groupNorm":
      image(name, input, leaf.features);
      if (leaf.features % leaf.groups !== 0) {
        throw invalidArgument(`${name}.groups`, `(${leaf.groups}) must divide ${leaf.features} features`);
      }
      return { outputShape: input, tensors: weights([leaf.features], leaf.features) };
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
      return { outputShape: [product(input)] };
    default:
      return { outputShape: input };
  }
}

function image(name: string, input: readonly number[], channels?: number): [number, number, number] {
  const [c, h, w] = input;
  if (input.length === 3 && c !== undefined && h !== undefined && w !== undefined && c === (channels ?? c)) {
    return [c, h, w];
  }
  throw shapeError(
    name,
    channels === undefined ? "needs an image" : `needs an image of ${channels} channels`,
    input,
  );
}

function vector(name: string, input: readonly number[], features: number): void {
  if (input.length !== 1 || input[0] !== features)
    throw shapeError(name, `needs ${features} features`, input);
}

/** The output's height and width under a sliding window. */
function slide(
  window: { kernelSize: Size; stride?: Size; padding?: Size; dilation?: Size },
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
    return Math.floor((extent + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
  };
  return [along(0, height), along(1, width)];
}

function weights(kernel: number[], bias: number): TensorDescription[] {
  const weight = { name: "weight", shape: kernel, trainable: true };
  return bias > 0 ? [weight, { name: "bias", shape: [bias], trainable: true }] : [weight];
}

function statistics(features: number, affine: boolean): TensorDescription[] {
  return [
    ...(affine ? weights([features], features) : []),
    { name: "running_mean", shape: [features], trainable: false },
    { name: "running_var", shape: [features], trainable: false },
    { name: "num_batches_tracked", shape: [], trainable: false },
  ];
}

function product(values: readonly number[]): number {
  return values.reduce((result, value) => result * value, 1);
}

function shapeError(argument: string, problem: string, shape: readonly number[]): McLossError {
  return new McLossError("ERR_SHAPE", `${argument} ${problem}, got [${shape.join(", ")}]`, { argument });
}
