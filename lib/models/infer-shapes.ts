import { invalidArgument } from "../errors.js";
import { joinNames, layerName, layers as table, type LayerSpec, type LayerType } from "./layers.js";
import {
  fillOptions,
  type AnyLayer,
  type LayerDefinition,
  type TensorDescription,
} from "./layers/definition.js";
import { shapeError, type Shape } from "./layers/shapes.js";

/** One layer, as it will be when it runs on one image. */
export interface LayerDescription {
  /** Dotted: "layer1.0.conv1". */
  name: string;
  type: LayerType;
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
  input: Shape,
): { layers: LayerDescription[]; output: Shape } {
  const found: LayerDescription[] = [];
  const output = describeSequence(layers, "", input, found);
  return { layers: found, output };
}

function describeSequence(
  specs: readonly AnyLayer[],
  path: string,
  input: Shape,
  found: LayerDescription[],
): Shape {
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

function describeLayer(spec: AnyLayer, name: string, input: Shape, found: LayerDescription[]): Shape {
  const definition: LayerDefinition = table.get(spec.type);
  const type = spec.type as LayerType;
  const described: LayerDescription = { name, type, outputShape: [], tensors: [], macs: 0 };
  // Before those inside it.
  found.push(described);
  const {
    output,
    tensors = [],
    macs = 0,
  } = definition.infer(fillOptions(definition, spec), {
    name,
    input,
    sequence: (inner) => describeSequence(inner, name, input, found),
    layer: (inner, own) => describeLayer(inner, joinNames(name, inner.name ?? own), input, found),
  });
  if (output.some((extent) => extent < 1)) throw shapeError(name, "would have an empty output", output);
  described.outputShape = [...output];
  described.tensors = tensors.map((tensor) => ({ ...tensor, name: joinNames(name, tensor.name) }));
  described.macs = macs;
  return output;
}
