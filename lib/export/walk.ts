import { joinNames, layerName, type LayerSpec, type Residual } from "../models/layers.js";

/** Layers that are made of layers. */
type ComposedType = "sequential" | "residual" | "concat" | "denseConnection" | "scale";

/** Layers that compute by themselves. */
export type LeafSpec = Exclude<LayerSpec, { type: ComposedType }>;

/** What a network is written with: how each step makes a value of others. Names are the layers', dotted. */
export interface Emitter<Value> {
  leaf(layer: LeafSpec, name: string, input: Value): Value;
  add(name: string, a: Value, b: Value): Value;
  multiply(name: string, a: Value, b: Value): Value;
  relu(name: string, input: Value): Value;
  /** Along the channels. */
  concat(name: string, values: readonly Value[]): Value;
}

/** Writes layers that run one after another, and gives what the last of them makes of `input`. */
export function emitLayers<Value>(
  emitter: Emitter<Value>,
  layers: readonly LayerSpec[],
  path: string,
  input: Value,
): Value {
  return layers.reduce(
    (value, layer, position) => emitLayer(emitter, layer, joinNames(path, layerName(layer, position)), value),
    input,
  );
}

function emitLayer<Value>(emitter: Emitter<Value>, layer: LayerSpec, name: string, input: Value): Value {
  switch (layer.type) {
    case "sequential":
      return emitLayers(emitter, layer.layers, name, input);
    case "residual":
      return emitResidual(emitter, layer, name, input);
    case "concat": {
      const branches = layer.branches.map((branch, position) =>
        emitLayer(emitter, branch, joinNames(name, layerName(branch, position)), input),
      );
      return emitter.concat(name, branches);
    }
    case "denseConnection":
      return emitter.concat(name, [input, emitLayers(emitter, layer.layers, name, input)]);
    case "scale":
      return emitter.multiply(name, input, emitLayers(emitter, layer.layers, name, input));
    default:
      return emitter.leaf(layer, name, input);
  }
}

function emitResidual<Value>(emitter: Emitter<Value>, layer: Residual, name: string, input: Value): Value {
  const { layers, shortcut, activation = "relu" } = layer;
  const skipped = shortcut
    ? emitLayer(emitter, shortcut, joinNames(name, shortcut.name ?? "downsample"), input)
    : input;
  const sum = emitter.add(name, emitLayers(emitter, layers, name, input), skipped);
  return activation === "relu" ? emitter.relu(name, sum) : sum;
}
