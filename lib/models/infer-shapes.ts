import { invalidArgument } from "../errors.js";
import {
  joinNames,
  layerName,
  layers as table,
  namesInside,
  type LayerSpec,
  type LayerType,
} from "./layers.js";
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
  const found = new Map<string, LayerDescription>();
  const output = describeSequence(layers, "", input, found);
  return { layers: [...found.values()], output };
}

/** By their dotted names, parents first. */
type Found = Map<string, LayerDescription>;

function describeSequence(specs: readonly AnyLayer[], path: string, input: Shape, found: Found): Shape {
  return specs.reduce(
    (shape, spec, position) =>
      describeLayer(spec, joinNames(path, layerName(spec, position)), path, shape, found),
    input,
  );
}

/** @param path the names of the layers around it */
function describeLayer(spec: AnyLayer, name: string, path: string, input: Shape, found: Found): Shape {
  const definition: LayerDefinition = table.get(spec.type);
  const type = spec.type as LayerType;
  const described: LayerDescription = { name, type, outputShape: [], tensors: [], macs: 0 };
  if (found.has(name)) throw invalidArgument(name || '""', "is the name of two layers");
  // Before those inside it.
  found.set(name, described);
  const inside = namesInside(spec, name, path);
  const {
    output,
    tensors = [],
    macs = 0,
  } = definition.infer(fillOptions(definition, spec), {
    name,
    input,
    sequence: (inner) => describeSequence(inner, inside, input, found),
    layer: (inner, own) => describeLayer(inner, joinNames(inside, inner.name ?? own), inside, input, found),
  });
  if (output.some((extent) => extent < 1)) throw shapeError(name, "would have an empty output", output);
  described.outputShape = [...output];
  described.tensors = tensors.map((tensor) => ({ ...tensor, name: joinNames(name, tensor.name) }));
  described.macs = macs;
  return output;
}
